/** Lengths of time and dates as people write them. */
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400, w: 604_800 };

/** Seconds of `7200`, `12h` or `30d`; undefined for anything else. */
export function writtenDuration(text: string): number | undefined {
  const [, digits, unit = 's'] = /^(\d{1,10})\s*(s|m|min|h|d|w)?$/i.exec(text.trim()) ?? [];
  const seconds = UNITS[unit.toLowerCase()];
  return digits === undefined || seconds === undefined ? undefined : Number(digits) * seconds;
}

const TIME = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?(?:\.0+)?(Z|[+-]\d{2}:?\d{2})?)?$/i;
// biome-ignore lint/style/noRestrictedGlobals: no clock is asked, a time that somebody wrote is read
const readTime = (text: string): number => Date.parse(text);
/** 31 February would be taken for a day in March. */
const daysOf = (year: number, month: number): number =>
  month === 2 ? (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;

/** Seconds since the epoch of a time in ISO 8601 (a date alone is its beginning), in UTC unless it says otherwise. */
export function writtenTime(text: string): number | undefined {
  if (/^\d{1,12}$/.test(text.trim())) return Number(text);
  const [, year, month, day, hour = '00', minute = '00', second = '00', zone = 'Z'] = TIME.exec(text.trim()) ?? [];
  if (year === undefined || Number(day) > daysOf(Number(year), Number(month))) return undefined;
  const at = readTime(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone.toUpperCase().replace(/^([+-]\d{2})(\d{2})$/, '$1:$2')}`);
  return Number.isNaN(at) ? undefined : at / 1000;
}
