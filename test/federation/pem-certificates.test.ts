import { describe, expect, it } from 'vitest';
import { pemCertificates } from '../../src/keys/pem-certificates.js';

const block = (body: string, begin = 'CERTIFICATE', end = begin) => `-----BEGIN ${begin}-----\n${body}\n-----END ${end}-----\n`;
const bytes = (pem: string) => pemCertificates(pem).map((der) => [...der]);

describe('certificates in PEM (RFC 7468 §5)', () => {
  it('the same bytes however the lines are broken; comments and white space between blocks', () => {
    const once = [[0, 1, 2, 3, 4, 5]];
    for (const pem of [block('AAECAwQF'), block('AAEC\nAwQF'), block(' AAEC \r\n\r\nAwQF\r'), `# a root\n\n${block('AAECAwQF')}\n  \n# end`])
      expect(bytes(pem)).toEqual(once);
    expect(bytes(block('AAEC') + block('AwQF') + block('AA=='))).toEqual([[0, 1, 2], [3, 4, 5], [0]]);
  });

  it('whatever another reader may pass over or take in is refused', () => {
    for (const [name, pem] of [
      ['empty', ''],
      ['no block', '# nothing'],
      ['a header', block('Comment: x\n\nAAEC')],
      ['a header that goes on', block('A: b\n c: d\nAAEC')],
      ['text before', `subject=x\n${block('AAEC')}`],
      ['text after', `${block('AAEC')}AAEC`],
      ['a comment inside', block('# x\nAAEC')],
      ['another kind', block('AAEC', 'PRIVATE KEY')],
      ['another kind of end', block('AAEC', 'CERTIFICATE', 'PRIVATE KEY')],
      ['one in one', block(block('AAEC'))],
      ['in one line', '-----BEGIN CERTIFICATE-----AAEC-----END CERTIFICATE-----'],
      ['no end', '-----BEGIN CERTIFICATE-----\nAAEC'],
      ['empty block', block('')],
      ['no base64', block('AA-_')],
      ['padding inside', block('AA==\nAAEC')],
      ['not whole', block('AAECA')],
    ] as const)
      expect(() => pemCertificates(pem), name).toThrow();
  });

  it('64 KiB of anything is read in one pass', () => {
    for (const line of [' c: d\n', 'AAAA\n', '-\n', '-----BEGIN CERTIFICATE-----\n', '=', ' '])
      expect(() => pemCertificates(`-----BEGIN CERTIFICATE-----\nA: b\n${line.repeat(65_000 / line.length)}!`)).toThrow();
    expect(() => pemCertificates(`-----BEGIN CERTIFICATE-----\n${'AAAA\n'.repeat(13_000)}`)).toThrow('does not end');
  });
});
