import type { Call } from '../../src/operations/call.js';
import type { Store } from '../../src/store/store.js';

/** A call in whose first change something else happens: between what it decides and what it commits. */
export function afterDeciding(call: Call<unknown>, act: () => Promise<unknown>): Call<unknown> {
  let happened = false;
  const store: Store = {
    ...call.store,
    change: (request) =>
      call.store.change({
        ...request,
        async decide(watch, together) {
          const decision = await request.decide(watch, together);
          if (!happened) {
            happened = true;
            await act();
          }
          return decision;
        },
      }),
  };
  return { ...call, store };
}

/** Something happens between what a request found and what it decides. */
export const beforeDeciding = (call: Call<unknown>, act: () => Promise<unknown>): Call<unknown> => ({
  ...call,
  store: {
    ...call.store,
    change: async (request) => {
      await act();
      return call.store.change(request);
    },
  },
});

/** What became of it: `done`, or the code of the refusal. */
export const outcomeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'done',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );
