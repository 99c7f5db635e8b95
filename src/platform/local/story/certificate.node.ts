import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** The file that others are given to trust it by (NODE_EXTRA_CA_CERTS). */
  readonly file: string;
}

const pem = (bytes: ArrayBuffer): string =>
  `-----BEGIN PRIVATE KEY-----\n${(
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  ).join('\n')}\n-----END PRIVATE KEY-----\n`;

/** A self-signed certificate for `localhost`, for a day: metadata documents and whoever fetches them speak https alone. The key is in no file. */
export async function localhostCertificate(folder: string): Promise<Certificate> {
  const { SubjectAlternativeNameExtension, X509CertificateGenerator } = await import('@peculiar/x509');
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const now = Date.now();
  const made = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=localhost',
    notBefore: new Date(now - DAY_MS / 24),
    notAfter: new Date(now + DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
  });
  const file = join(folder, 'localhost.pem');
  const cert = made.toString('pem');
  writeFileSync(file, cert);
  return { cert, key: pem(await crypto.subtle.exportKey('pkcs8', keys.privateKey)), file };
}
