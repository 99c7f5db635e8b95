import { readUrl } from '../federation/read-url.js';

/** Places for searches that are under way at the same time. */
export interface SearchSlots {
  /** Undefined: there is none for this entity now. Called once it has ended. */
  take(entity: string): (() => void) | undefined;
}

/**
 * @param fair each group of hosts takes no more than are left for others: half of them alone, a quarter where another one has half. So
 *   whoever names entities at hosts that never answer leaves room for the next one, and for the next
 */
export function searchSlots(most: number, fair: boolean): SearchSlots {
  const groups = new Map<string, number>();
  let taken = 0;
  return {
    take(entity) {
      const group = groupOf(entity);
      const own = groups.get(group) ?? 0;
      if (taken >= most || (fair && own >= most - taken)) return undefined;
      groups.set(group, own + 1);
      taken++;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        taken--;
        const left = (groups.get(group) ?? 1) - 1;
        if (left > 0) groups.set(group, left);
        else groups.delete(group);
      };
    },
  };
}

/** Names cost nothing below a domain, so the last two labels count; of an address, all of it. */
function groupOf(entity: string): string {
  const host = readUrl(entity)?.hostname.toLowerCase().replace(/\.$/, '') ?? '';
  return /^[\d.]+$|:/.test(host) ? host : host.split('.').slice(-2).join('.');
}
