import fc from 'fast-check';

/**
 * Values that nobody thought of, the same in every run: what comes out of a run is due to what was changed, not to its luck. To look
 * for others: HOLDFAST_FUZZ_SEED, a number or `random`. A failure names its seed.
 */
const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
const asked = process?.env?.['HOLDFAST_FUZZ_SEED'];
if (asked !== 'random') fc.configureGlobal({ seed: Number(asked ?? 1) });

export { fc };
