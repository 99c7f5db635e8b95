import { describe, expect, it } from 'vitest';
import { finding, type FindingCode, type Result, type TrustChain } from '../../src/federation/entry.js';
import { isUnverified, validateGathered } from '../../src/resolver/validate-gathered.js';

const fail = (...codes: FindingCode[]) => ({ ok: false as const, findings: codes.map((code) => finding(code, '', '')) });
const good: Result<TrustChain> = { ok: true, value: { subject: 'leaf' } as never };
const own = (compact: string) => Promise.resolve({ ok: true as const, value: { compact } as never });
const CHAIN = ['leaf', 'about leaf', 'ta'];
const ENDS = [[0, 'leaf'] as const, [2, 'ta'] as const];

/** @param anew what a cache's owner has today, by entity; a cache gave nothing of the others */
async function gathered(results: readonly Result<TrustChain>[], anew: Readonly<Record<string, Promise<Result<never>> | undefined>>) {
  const judged: (readonly string[])[] = [];
  const known: string[] = [];
  const result = await validateGathered(
    CHAIN,
    ENDS,
    {
      anew: (id) => anew[id],
      configuration(id) {
        known.push(id);
        return own(id);
      },
    },
    async (chain) => results[judged.push([...chain]) - 1] as Result<TrustChain>,
  );
  return { result, judged, known };
}

describe('§11.3: keys that a cache gave are no verdict on a signature', () => {
  it('what holds, and what fails for another reason, is judged once', async () => {
    for (const result of [good, fail('expired'), fail()])
      expect(await gathered([result], { ta: own('ta today') as never })).toEqual({ result, judged: [CHAIN], known: [] });
  });
  it.each<FindingCode>(['signature_invalid', 'signature_key_unknown', 'alg_not_accepted'])(
    '%s: judged again with the configurations of today',
    async (code) => {
      const { result, judged, known } = await gathered([fail('expired', code), good], { ta: own('ta today') as never });
      expect(result).toBe(good);
      expect(judged).toEqual([CHAIN, ['leaf', 'about leaf', 'ta today']]);
      expect(known).toEqual(['leaf']);
    },
  );
  it('both ends may be new, and a second failure is the verdict', async () => {
    const second = fail('signature_invalid');
    const { result, judged } = await gathered([fail('signature_invalid'), second], { leaf: own('leaf today') as never, ta: own('ta today') as never });
    expect(result).toBe(second);
    expect(judged[1]).toEqual(['leaf today', 'about leaf', 'ta today']);
  });
  it('nothing is new: not judged again', async () => {
    const first = fail('signature_invalid');
    expect(await gathered([first], {})).toMatchObject({ result: first, judged: [CHAIN], known: ['leaf', 'ta'] });
  });
  it('what cannot be had today is no verdict on the chain', async () => {
    const down = { ok: false as const, findings: [finding('fetch_failed', 'ta', '503', true)] };
    const { result, judged } = await gathered([fail('signature_invalid')], { ta: Promise.resolve(down) });
    expect([result, judged]).toEqual([down, [CHAIN]]);
  });
});

it('a signature failed where a finding says so', () => {
  expect([good, fail(), fail('expired'), fail('expired', 'signature_invalid')].map(isUnverified)).toEqual([false, false, false, true]);
});
