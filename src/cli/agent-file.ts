import { chmodSync, closeSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import { algorithmsOf, type PublicJwk } from '../federation/entry.js';
import { parseJson } from '../federation/strict-json.js';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';
import { readInput } from './input.js';

/** An agent as whoever runs it keeps it: its private keys never leave this file. */
export interface AgentFile {
  readonly entity_id: string;
  /** What it calls itself where nobody knows federations; null for what is no client. */
  readonly client_id: string | null;
  /** It signs what the agent says of itself. */
  readonly federation_key: JWK;
  /** The client proves itself with it. */
  readonly client_key: JWK;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Taken before anything is sent: keys that cannot be kept are lost. Readable by its owner only. @throws CliError */
export function reserveAgentFile(file: string): { readonly keep: (content: AgentFile) => void; readonly drop: () => void } {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already, and may hold the keys of another agent' : (error as Error).message;
    throw new CliError(EXIT.usage, `the keys of the agent cannot be kept in ${file}: ${why}. Name another one: --file`, [], 'no_agent_file');
  }
  return {
    keep: (content) => {
      writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
      chmodSync(file, 0o600);
    },
    drop: () => rmSync(file, { force: true }),
  };
}

/** @throws CliError */
export function readAgentFile(file: string): AgentFile {
  const text = readInput(file);
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
    throw new CliError(EXIT.usage, `${file} holds private keys, and others may read or write it: chmod 600 ${file}`, [], 'agent_file_open');
  const json = parseJson(text, file);
  const held = (json.ok ? (json.value ?? {}) : {}) as Partial<AgentFile>;
  if (typeof held.entity_id !== 'string' || typeof held.federation_key?.d !== 'string' || typeof held.metadata !== 'object')
    throw new CliError(EXIT.usage, `${file} is no file of an agent: holdfast agent create writes one`, [], 'agent_file_damaged');
  return held as AgentFile;
}

/** A new private key, named by its thumbprint. */
export async function newPrivateKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256' };
}

export const publicHalf = ({ d: _, p: __, q: ___, dp: ____, dq: _____, qi: ______, ...rest }: JWK): JWK => rest;

/** A JWT signed with a private JWK. @throws CliError */
export async function signedWith(jwk: JWK, typ: string, claims: Readonly<Record<string, unknown>>): Promise<string> {
  const kid = jwk.kid ?? (await calculateJwkThumbprint(jwk));
  const [alg] = algorithmsOf({ ...jwk, kid } as PublicJwk);
  if (alg === undefined) throw new CliError(EXIT.usage, `the key ${kid} signs with no algorithm that is accepted: RSA, EC (P-256, P-384, P-521) or Ed25519`);
  try {
    return await new SignJWT(claims).setProtectedHeader({ typ, alg, kid }).sign(await importJWK(jwk, alg));
  } catch {
    throw new CliError(EXIT.usage, `the key ${kid} cannot be read: is the private JWK whole?`);
  }
}

/** What an agent says of itself: the Entity Configuration that it signs (OpenID Federation 1.0 §9). */
export const agentConfiguration = (
  { entity_id: id, federation_key: key, metadata }: AgentFile,
  superior: string,
  { iat, exp }: { readonly iat: number; readonly exp: number },
): Promise<string> =>
  signedWith(key, 'entity-statement+jwt', { iss: id, sub: id, iat, exp, jwks: { keys: [publicHalf(key)] }, authority_hints: [superior], metadata });
