/** What people write for spans of time and moments, read in one place. What is none of them is undefined, never zero or null. */

/** The last second that a date of four digits has, 9999-12-31T23:59:59Z. */
const MAX_SECONDS = 253_402_300_799;
const inRange = (seconds: number): number | undefined => (seconds >= 0 && seconds <= MAX_SECONDS ? seconds : undefined);

const UNITS = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 } as const;
const SPAN = /^(?:(\d{1,9}) ?w)?(?:(\d{1,9}) ?d)?(?:(\d{1,9}) ?h)?(?:(\d{1,9}) ?m(?:in)?)?(?:(\d{1,9}) ?s)?$/i;

/** Seconds of `90d`, `1h30m` (or `30min`), `45 s` or `3600`. */
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

const MOMENT = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(?:\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})?)?$/i;
// biome-ignore lint/style/noRestrictedGlobals: no clock is asked, a time that somebody wrote is read
const parsed = (text: string): number => Date.parse(text);
/** 31 February would be taken for a day in March. */
const daysOf = (year: number, month: number): number =>
  month === 2 ? (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;

/**
 * Seconds since the epoch of `2027-01-01` (its first second, UTC), of an RFC 3339 time, or of that number itself; a shorter
 * number, such as a year, is none.
 * @param zone of a time of day that names none, as a spreadsheet writes it; undefined: such a time is none
 */
export function readTime(text: string, zone?: 'Z'): number | undefined {
  if (/^\d{9,12}$/.test(text)) return inRange(Number(text));
  const [, year = '', month = '', day = '', minute, second = ':00', named = minute === undefined ? 'Z' : zone] = MOMENT.exec(text) ?? [];
  if (named === undefined || Number(day) > daysOf(Number(year), Number(month))) return undefined;
  const offset = named.toUpperCase().replace(/^([+-]\d{2})(\d{2})$/, '$1:$2');
  const at = parsed(`${year}-${month}-${day}T${minute ?? '00:00'}${second}${offset}`);
  return Number.isNaN(at) ? undefined : inRange(at / 1000);
}
