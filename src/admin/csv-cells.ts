import { parseJson } from '../federation/strict-json.js';

/** How the cells of a column are read. */
type Kind = 'json' | 'list' | 'yes_or_no' | 'duration' | 'time' | 'text';

/** The columns an import takes: the members of POST …/members. */
export const COLUMNS: Readonly<Record<string, Kind>> = {
  entity_id: 'text',
  entity_types: 'list',
  jwks: 'json',
  pem: 'text',
  organization: 'text',
  intermediate: 'yes_or_no',
  activate: 'yes_or_no',
  metadata: 'json',
  constraints: 'json',
  claims: 'json',
  crit: 'list',
  statement_lifetime: 'duration',
  valid_until: 'time',
  ec_location: 'text',
  domain_control: 'text',
  state: 'text',
  state_reason: 'text',
  removed_keys: 'list',
  hosted_configuration: 'text',
  readmit: 'text',
  waive: 'list',
};

export type Cell = { readonly value: unknown } | { readonly fault: string };

const fault = (text: string): Cell => ({ fault: text });
const shown = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

// Spreadsheets write their own TRUE and FALSE in the language of the person.
const YES = ['true', 'yes', 'y', '1', 'x', 'on', 'wahr', 'ja', 'vrai', 'oui', 'vero', 'verdadero', 'verdadeiro', 'waar'];
const NO = ['false', 'no', 'n', '0', 'off', 'falsch', 'nein', 'faux', 'non', 'falso', 'onwaar'];

function yesOrNo(text: string): Cell {
  const word = text.toLowerCase();
  if (YES.includes(word)) return { value: true };
  return NO.includes(word) ? { value: false } : fault(`${shown(text)} is neither yes nor no; write TRUE or FALSE`);
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400, w: 604_800 };

function duration(text: string): Cell {
  const [, digits, unit = 's'] = /^(\d{1,10})\s*(s|m|min|h|d|w)?$/i.exec(text) ?? [];
  const seconds = UNITS[unit.toLowerCase()];
  if (digits === undefined || seconds === undefined) return fault(`${shown(text)} is no length of time; write seconds, or 12h, 30d`);
  return { value: Number(digits) * seconds };
}

const TIME = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?(?:\.0+)?(Z|[+-]\d{2}:?\d{2})?)?$/i;

/** Seconds since the epoch of a date as people write it; a date alone is its beginning, in UTC. */
function time(text: string): Cell {
  if (/^\d{1,12}$/.test(text)) return { value: Number(text) };
  const [, year, month, day, hour = '00', minute = '00', second = '00', zone = 'Z'] = TIME.exec(text) ?? [];
  const no = () => fault(`${shown(text)} is no date; write 2027-12-31 or 2027-12-31T18:00:00Z: other forms are read differently in different countries`);
  if (year === undefined) return no();
  const at = readTime(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone.toUpperCase().replace(/^([+-]\d{2})(\d{2})$/, '$1:$2')}`);
  return Number.isNaN(at) || Number(day) > daysOf(Number(year), Number(month)) ? no() : { value: at / 1000 };
}

// biome-ignore lint/style/noRestrictedGlobals: no clock is asked, a time that somebody wrote is read
const readTime = (text: string): number => Date.parse(text);
/** 31 February would be taken for a day in March. */
const daysOf = (year: number, month: number): number =>
  month === 2 ? (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;

function jsonCell(text: string, name: string): Cell {
  const json = parseJson(text, name);
  return json.ok ? { value: json.value } : fault(json.findings[0]?.detail ?? 'it is no JSON');
}

const READERS: Readonly<Record<Kind, (text: string, name: string) => Cell>> = {
  json: jsonCell,
  list: (text) => ({ value: text.split(/[\s,;|]+/).filter(Boolean) }),
  yes_or_no: yesOrNo,
  duration,
  time,
  text: (text) => ({ value: text }),
};

/** What a cell that is not empty says. */
export function cellOf(name: string, text: string): Cell {
  if (text.includes('\0')) return fault('it holds U+0000, which no text here may');
  return READERS[COLUMNS[name] ?? 'text'](text.trim(), name);
}
