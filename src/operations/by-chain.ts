import type { EventsOf } from '../store/change.js';
import type { NewEvent } from '../store/event.js';

/** One list of events for each chain; the authority's own go with its own event. */
export function byChain(own: string, all: readonly EventsOf[]): { readonly events: readonly NewEvent[]; readonly elsewhere: readonly EventsOf[] } {
  const chains = new Map<string, NewEvent[]>();
  for (const { authorityId, events } of all) chains.set(authorityId, [...(chains.get(authorityId) ?? []), ...events]);
  return {
    events: chains.get(own) ?? [],
    elsewhere: [...chains].filter(([authorityId]) => authorityId !== own).map(([authorityId, events]) => ({ authorityId, events })),
  };
}
