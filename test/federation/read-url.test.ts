import { expect, it } from 'vitest';
import { parseEntityId } from '../../src/federation/entry.js';
import { readUrl } from '../../src/federation/read-url.js';
import { isRegistrationPolicy } from '../../src/federation/registration-policy.js';
import { isTrustMarkType } from '../../src/federation/trust-mark-issue.js';

/** Enough for the compiler to take its fast path for whatever it calls. */
const OFTEN = 20_000;

it.each(['https://example.org/modèle', 'https://bücher.example/', 'https://example.org/ÿ', 'https://example.org/日本', 'https://example.org/plain'])(
  'the same URL is read alike the first and the twenty thousandth time: %s',
  (url) => {
    for (let n = 0; n < OFTEN; n++) {
      if (readUrl(url) && isTrustMarkType(url) && isRegistrationPolicy([url])) continue;
      expect.fail(`${url} was read ${n} times, then no more`);
    }
  },
);
it('what is no URL is undefined, however often it is asked', () => {
  for (let n = 0; n < OFTEN; n++) if (readUrl('https://exa mple.örg/') !== undefined) expect.fail(`read at ${n}`);
  expect(readUrl('')).toBeUndefined();
});
it('the mend for a host outside ASCII stays the same', () => {
  for (let n = 0; n < OFTEN; n++) parseEntityId('https://bücher.example/x');
  expect(parseEntityId('https://bücher.example/x')).toMatchObject({ findings: [{ detail: expect.stringContaining('xn--bcher-kva.example') }] });
});
