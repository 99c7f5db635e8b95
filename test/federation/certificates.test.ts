import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import type { PublicJwk } from '../../src/federation/entry.js';
import { certificateFaults, certifiedUntil, keysUntil, rootFaults, rootsOf } from '../../src/keys/certificates.js';
import { certified, certify, DAY } from '../support/certificates.js';
import { NOW } from '../support/chain.js';

const judge = async (key: PublicJwk, roots: string | null = null) =>
  (await certificateFaults([key], roots, NOW)).map(({ code, where }) => [code, where.split('/x5c')[1]]);
const evenly = (hex: string) => hex + '0'.repeat((4 - (hex.length % 4)) % 4);
const CRITICAL = new x509.Extension('1.3.6.1.4.1.99999.1', true, new Uint8Array([5, 0]));

describe('registry §2.1: certificates in keys (RFC 7517 §4.7)', () => {
  it('are good when self-issued, or when they lead to a root; their end is the earliest one', async () => {
    const self = await certify();
    expect(await judge(await certified(self))).toEqual([]);
    expect(await certifiedUntil(await certified(self))).toBe(NOW + 30 * DAY);
    const root = await certify({ name: 'CN=root', ca: true, until: 900 * DAY });
    const middle = await certify({ name: 'CN=middle', ca: 0, by: root, until: 20 * DAY });
    const leaf = await certify({ name: 'CN=leaf', by: middle });
    expect(await judge(await certified(leaf, middle), root.pem)).toEqual([]);
    expect(await judge(await certified(leaf, middle, root), root.pem)).toEqual([]);
    expect(await keysUntil({ keys: [await certified(self), await certified(leaf, middle)] })).toBe(NOW + 20 * DAY);
    const { x5c: _, ...bare } = await certified(self);
    expect([await judge(bare as PublicJwk), await keysUntil({ keys: [bare as PublicJwk] })]).toEqual([[], null]);
    // The same without the root, and under another one.
    expect(await judge(await certified(leaf, middle))).toEqual([['certificate_untrusted', '']]);
    expect(await judge(await certified(leaf, middle, root), (await certify({ name: 'CN=root', ca: true })).pem)).toEqual([['certificate_untrusted', '']]);
    expect(await judge(await certified(leaf), root.pem), 'what is between is missing').toEqual([['certificate_untrusted', '']]);
    // With roots nobody issues for himself; a root may, and roots that cannot be read let nobody in.
    expect(await judge(await certified(self), root.pem)).toEqual([['certificate_untrusted', '']]);
    expect(await judge(await certified(root), root.pem)).toEqual([]);
    for (const key of [await certified(self), await certified(leaf, middle)])
      expect(await judge(key, `Comment: x\n${root.pem}`)).toEqual([['certificate_untrusted', '']]);
  });

  it('are refused when ended, not yet valid, critical in what nobody knows, signed otherwise, for another key, for another use', async () => {
    const root = await certify({ name: 'CN=root', ca: true });
    const noCa = await certify({ name: 'CN=member', by: root });
    const tight = await certify({ name: 'CN=tight', ca: 0, by: root });
    const below = await certify({ name: 'CN=below', ca: true, by: tight });
    const other = await certify();
    const mixed = { ...(await certified(await certify())), x5c: [other.base64] } as PublicJwk;
    const usage = (flags: number) => [new x509.KeyUsagesExtension(flags, true)];
    const ended = await certify({ name: 'CN=ended', ca: true, by: root, until: -1 });
    const deaf = await certify({ name: 'CN=deaf', ca: true, by: root, extensions: usage(x509.KeyUsageFlags.digitalSignature) });
    for (const [name, key, at] of [
      ['ended', await certified(await certify({ until: 0 })), '/0'],
      ['not yet valid', await certified(await certify({ from: -3600 })), '/0'],
      ['an ended one above it', await certified(await certify({ name: 'CN=a', by: ended }), ended), '/1'],
      ['critical and unknown', await certified(await certify({ extensions: [CRITICAL] })), '/0'],
      ['another key than the JWK', mixed, '/0'],
      ['for other uses', await certified(await certify({ extensions: usage(x509.KeyUsageFlags.keyEncipherment) })), '/0'],
      ['issued by what is no CA', await certified(await certify({ name: 'CN=a', by: noCa }), noCa), '/1'],
      ['issued by a key that is not for it', await certified(await certify({ name: 'CN=a', by: deaf }), deaf), '/1'],
      ['too long a path', await certified(await certify({ name: 'CN=a', by: below }), below, tight), '/2'],
      ['not issued by the one after it', await certified(await certify({ name: 'CN=a', by: root, signer: other.pair }), root), '/0'],
      ['weakly signed', await certified(await certify({ hash: 'SHA-1' })), '/0'],
      ['no certificate', { ...mixed, x5c: ['AAAA'] }, '/0'],
      ['hexadecimal', { ...mixed, x5c: [evenly(Buffer.from(other.base64, 'base64').toString('hex'))] }, '/0'],
      ['base64url', { ...mixed, x5c: ['AA-_'] }, '/0'],
      ['no list', { ...mixed, x5c: 'AAAA' }, ''],
      ['none', { ...mixed, x5c: [] }, ''],
    ] as const)
      expect(await judge(key as PublicJwk, root.pem), name).toEqual([['certificate_invalid', at]]);
    expect(await judge(await certified(await certify({ signer: other.pair }))), 'self-issued by another key').toEqual([['certificate_invalid', '/0']]);
    expect(await judge({ ...mixed, x5c: Array.from({ length: 6 }, () => other.base64) })).toEqual([['too_many', '']]);
    expect(await judge({ ...mixed, x5c: ['A'.repeat(12_292)] })).toEqual([['too_large', '/0']]);
  });

  it('roots are self-issued CAs in force, given as PEM', async () => {
    const root = await certify({ name: 'CN=root', ca: true });
    expect(await rootFaults(root.pem, NOW)).toEqual([]);
    const bad = [await certify({ name: 'CN=leaf', by: root }), await certify(), await certify({ name: 'CN=old', ca: true, until: 0 })];
    expect((await rootFaults([root, ...bad].map(({ pem }) => pem).join('\n'), NOW)).map(({ where }) => where)).toEqual([
      'certificate_roots/1',
      'certificate_roots/2',
      'certificate_roots/3',
    ]);
    for (const text of ['', 'nothing', root.pem.replaceAll('CERTIFICATE', 'PRIVATE KEY'), Array.from({ length: 21 }, () => root.pem).join('\n')])
      await expect(rootsOf(text)).rejects.toThrow();
  });
});
