import { describe, expect, it, onTestFinished } from 'vitest';
// @ts-expect-error: plain JavaScript over what was built
import { ANCHOR, deployment, memberId, populate } from '../../bench/setup.mjs';

describe('what the benchmarks measure', () => {
  it('is the service: members imported are served', async () => {
    const d = await deployment();
    onTestFinished(() => d.close());
    await populate(d, 0, 3);
    const answer = async (n: number) => (await d.publicApp.fetch(new Request(`${ANCHOR}/fetch?sub=${encodeURIComponent(memberId(n))}`))).status;
    expect([await answer(0), await answer(2), await answer(3)]).toEqual([200, 200, 404]);
  });
});
