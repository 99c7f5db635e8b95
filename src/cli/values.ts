/** What people write for spans of time, moments and numbers, read in one place. What is none of them is undefined, never zero or null. */

/** The last second that a date of four digits has, 9999-12-31T23:59:59Z. */
const MAX_SECONDS = 253_402_300_799;

const UNITS = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 } as const;
const SPAN = /^(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?:in)?)?(?:(\d{1,9})s)?$/;

/** Seconds of `90d`, `1h30m` (or `30min`), `45s` or `3600`. */
export function readDuration(text: string): number | undefined {
  if (/^\d{1,12}$/.test(text)) return inRange(Number(text));
  const found = text === '' ? null : SPAN.exec(text);
  return found ? inRange(Object.values(UNITS).reduce((sum, unit, n) => sum + Number(found[n + 1] ?? 0) * unit, 0)) : undefined;
}

/** The same the other way round: `90d`, `1h30m`. */
export function writeDuration(seconds: number): string {
  let left = seconds;
  const parts = Object.entries(UNITS).flatMap(([unit, size]) => {
    // Weeks are for reading only: 30d says more than 4w2d.
    if (unit === 'w' || left < size) return [];
    const n = Math.floor(left / size);
    left %= size;
    return [`${n}${unit}`];
  });
  return parts.join('') || '0s';
}

const MOMENT = /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2}))?$/;

/** Seconds since the epoch of `2027-01-01` (its first second, UTC), of an RFC 3339 time, or of that number itself. */
export function readTime(text: string): number | undefined {
  if (/^\d{9,12}$/.test(text)) return inRange(Number(text));
  const [, day, time = '00:00:00', zone = 'Z'] = MOMENT.exec(text) ?? [];
  if (day === undefined) return undefined;
  // What no calendar has, such as 30 February, comes out as another day.
  const noon = new Date(`${day}T12:00:00Z`);
  if (Number.isNaN(noon.getTime()) || noon.toISOString().slice(0, 10) !== day) return undefined;
  return inRange(Math.floor(Date.parse(`${day}T${time}${zone.toUpperCase()}`) / 1000));
}

/** A whole number of at most nine digits. */
export const readWhole = (text: string): number | undefined => (/^\d{1,9}$/.test(text) ? Number(text) : undefined);

const inRange = (seconds: number): number | undefined => (seconds >= 0 && seconds <= MAX_SECONDS ? seconds : undefined);
