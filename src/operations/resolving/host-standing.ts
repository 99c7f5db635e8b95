/** Subjects of one host that are asked at the same time, of which one is no stranger; of one that is silent, one. */
const AT_ONCE = 4;
/** Besides those, subjects that are new, whether it is silent or not: what others there do is nothing against these. */
const NEW_AT_ONCE = 2;
/** A host is silent when so many in a row had no answer: a path that hangs beside others that answer says nothing about those. */
const SILENT_AFTER = 3;
/** How long a silent host is left alone (seconds): twice as long each time, as seldom at most as anybody is looked at. */
const SILENT_AT_FIRST = 30;
const SILENT_AT_LATEST = 12 * 60 * 60;
/** Who asks for a subject of a host: a member that has come or was changed alone, another member, somebody with an answer to lose, anybody else. */
export type Reason = 'new' | 'member' | 'held' | 'other';
/**
 * How long after it had no answer a silent host is asked again for these (seconds). Of one host several may have a part, and one who
 * hangs must not keep the others from being heard for as long as he likes; whoever is heard ends the silence for all.
 */
const AGAIN_AFTER: Readonly<Record<Exclude<Reason, 'new'>, number>> = { member: 5 * 60, held: 15 * 60, other: Number.POSITIVE_INFINITY };
/** Nobody is told to wait for less (seconds). */
const AT_LEAST = 5;
/** Whom a slow host keeps waiting is looked at again within this (seconds), however many wait. */
const WAITS_AT_MOST = 15 * 60;
/** A host that is done with one this soon keeps nobody waiting (seconds). */
const QUICK = 0.2;
/** Hosts that are remembered. */
const REMEMBERED = 20_000;

/** Of a silent host so many at most are told to wait for the same second: they are written, and read again then. */
const WAIT_TOGETHER = 32;

interface Host {
  asked: number;
  /** Besides those, of them that are new. */
  fresh: number;
  /** Times in a row that it did not answer, and since when. */
  failures: number;
  silentUntil: number;
  failedAt: number;
  /** How long one of its subjects takes, by the last ones (seconds). */
  pace: number;
  /** When the last one that waits has its turn: none waits for those who ask with less reason. */
  readonly last: Record<Reason, number>;
}
const nobodyWaits = (): Host['last'] => ({ new: 0, member: 0, held: 0, other: 0 });

/** How the hosts of subjects have answered, as this process has seen it: it decides who is asked when, and never what is found. */
export interface HostStanding {
  /**
   * May a subject of this host be asked? `soon`: others are being asked and will be done in a moment; a number: not before then.
   * @param now seconds since the epoch
   */
  turnOf(host: string, now: number, reason: Reason): 'now' | 'soon' | number;
  begin(host: string, reason: Reason): void;
  /** @param answered false: it did not; undefined: nobody asked it. @param seconds how long that took */
  end(host: string, reason: Reason, now: number, answered: boolean | undefined, seconds: number): void;
}

export function createHostStanding({
  remembered = REMEMBERED,
  random = Math.random,
}: {
  readonly remembered?: number;
  readonly random?: () => number;
} = {}): HostStanding {
  const hosts = new Map<string, Host>();
  const later = (seconds: number): number => Math.ceil(seconds * (1 + random() / 10));
  /** Whoever was used last stands last, so that the first are forgotten. */
  const use = (host: string): Host => {
    const known = hosts.get(host) ?? { asked: 0, fresh: 0, failures: 0, silentUntil: 0, failedAt: 0, pace: 0, last: nobodyWaits() };
    hosts.delete(host);
    hosts.set(host, known);
    for (const [name, { asked, fresh }] of hosts) {
      if (hosts.size <= remembered) break;
      if (asked + fresh === 0) hosts.delete(name);
      else break;
    }
    return known;
  };
  return {
    turnOf(host, now, reason) {
      const of = hosts.get(host);
      if (!of) return 'now';
      const { last } = of;
      const silent = of.failures >= SILENT_AFTER;
      if (reason === 'new' && of.fresh < NEW_AT_ONCE) return 'now';
      if (silent && reason !== 'new') {
        if (of.asked === 0 && (of.silentUntil <= now || now - of.failedAt >= AGAIN_AFTER[reason])) return 'now';
        if (of.silentUntil <= now) return now + later(AT_LEAST);
        const after = of.silentUntil + later((of.silentUntil - of.failedAt) / 10);
        const first = Math.max(now + AT_LEAST, Math.min(after, of.failedAt + later(AGAIN_AFTER[reason])));
        last[reason] = Math.max(last[reason], first) + 1 / WAIT_TOGETHER;
        return Math.min(Math.floor(last[reason]), Math.max(first, now + SILENT_AT_LATEST));
      }
      const asked = of.asked + Math.max(0, of.fresh - (reason === 'new' ? 0 : NEW_AT_ONCE));
      if (!silent && asked < (reason === 'other' ? AT_ONCE - 1 : AT_ONCE)) return 'now';
      if (!silent && of.pace < QUICK) return 'soon';
      last[reason] = Math.max(last[reason], now) + of.pace / (reason === 'new' ? NEW_AT_ONCE : AT_ONCE);
      return Math.min(Math.ceil(last[reason]), now + later(WAITS_AT_MOST));
    },
    begin(host, reason) {
      const of = use(host);
      if (reason === 'new') of.fresh++;
      else of.asked++;
    },
    end(host, reason, now, answered, seconds) {
      const of = use(host);
      if (reason === 'new') of.fresh = Math.max(0, of.fresh - 1);
      else of.asked = Math.max(0, of.asked - 1);
      if (answered === undefined) return;
      of.pace = of.pace === 0 ? seconds : of.pace * 0.7 + seconds * 0.3;
      if (of.failures >= SILENT_AFTER) {
        // However many are new there, the others are not asked later for it.
        if (!answered && reason === 'new') return;
        if (answered) Object.assign(of.last, nobodyWaits());
      }
      of.failures = answered ? 0 : of.failures + 1;
      if (!answered) of.failedAt = now;
      const silent = SILENT_AT_FIRST * 2 ** Math.min(of.failures - SILENT_AFTER, 12);
      of.silentUntil = of.failures < SILENT_AFTER ? 0 : now + Math.min(SILENT_AT_LATEST, silent);
    },
  };
}
