import { readDuration, readTime } from '../federation/written-time.js';
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
  entitlements: 'json',
  bundles: 'list',
  vouched_issuers: 'json',
  scopes: 'list',
  waive: 'list',
  sponsor: 'json',
  reattest_by: 'time',
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

const duration = (text: string): Cell => {
  const value = readDuration(text.trim());
  return value === undefined ? fault(`${shown(text)} is no length of time; write seconds, or 12h, 30d`) : { value };
};
const time = (text: string): Cell => {
  const value = readTime(text.trim(), 'Z');
  return value === undefined
    ? fault(`${shown(text)} is no date; write 2027-12-31 or 2027-12-31T18:00:00Z: other forms are read differently in different countries`)
    : { value };
};

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
