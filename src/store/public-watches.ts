import { getTableColumns } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { PublicChange } from './kept-keys.js';
import * as schema from './schema.js';
import { isGone } from './withheld.js';

/** What changes what the public plane keeps in memory; each engine makes its triggers of these. */

/** All columns but these, so that one that is added later is watched. */
const columnsBut = (table: SQLiteTable, ...but: readonly string[]): string =>
  Object.values(getTableColumns(table))
    .map(({ name }) => name)
    .filter((name) => !but.includes(name))
    .join(', ');
const differs = (...columns: readonly string[]): string => columns.map((one) => `OLD.${one} IS NOT NEW.${one}`).join(' OR ');

/** One kind of thing that happens to a row of a table, and what it says of what is kept. `IS NOT` is that of SQLite: NULL differs from a value. */
export interface Watch {
  /** `INSERT ON artefact`, `UPDATE OF a, b ON authority`. */
  readonly on: string;
  readonly when?: string;
  readonly what: PublicChange['what'];
  /** Expressions for authority, kind, key and variant. */
  readonly says?: readonly (string | undefined)[];
}

/** All that happens to the rows of a table. One that is another one from now on is told of as it was, too. */
const each = (table: string, names: readonly string[], one: (row: 'OLD' | 'NEW') => Omit<Watch, 'on'>): readonly Watch[] => {
  const { when, ...old } = one('OLD');
  return [
    { on: `INSERT ON ${table}`, ...one('NEW') },
    { on: `UPDATE ON ${table}`, ...one('NEW') },
    { on: `UPDATE ON ${table}`, ...old, when: `${when === undefined ? '' : `${when} AND `}(${differs(...names)})` },
    { on: `DELETE ON ${table}`, ...one('OLD') },
  ];
};
const place = (row: string) => [`${row}.authority_id`, `${row}.kind`, `${row}.key`, `${row}.variant`];
/** Kinds that answers rest on (`snapshot_link`): all but answers themselves, and what nobody rests on. */
const GROUND = (row: string) => `${row}.kind NOT IN ('resolve', 'status_list', 'head', 'events', 'hosted')`;
/** What becomes of others is nobody's business: of strangers who apply and think better of it there is no end. */
const WAS_OR_IS_ACTIVE = "(OLD.state = 'active' OR NEW.state = 'active')";
const STANDS = ['id', 'authority_id', 'state'] as const;
const SHOWN = ['state', 'error', 'entity_types'] as const;

export const WATCHES: readonly Watch[] = [
  { on: 'INSERT ON artefact', what: 'artefact', says: place('NEW') },
  { on: 'DELETE ON artefact', what: 'artefact', says: place('OLD') },
  {
    on: 'UPDATE ON artefact',

    what: 'artefact',
    says: place('NEW'),
    when: differs('authority_id', 'kind', 'key', 'variant', 'media_type', 'bytes', 'sha256', 'exp', 'cap', 'cut', 'withheld'),
  },
  // A row that is given another place leaves one.
  { on: 'UPDATE ON artefact', what: 'artefact', says: place('OLD'), when: differs('authority_id', 'kind', 'key', 'variant') },
  { on: 'INSERT ON artefact', what: 'ground', when: GROUND('NEW') },
  { on: 'DELETE ON artefact', what: 'ground', when: GROUND('OLD') },
  {
    on: 'UPDATE ON artefact',

    what: 'ground',
    when: `(${GROUND('NEW')} OR ${GROUND('OLD')}) AND (${differs('authority_id', 'kind', 'key', 'variant', 'cap', 'cut', 'withheld')})`,
  },
  { on: 'INSERT ON member', what: 'member', says: ['NEW.authority_id'] },
  { on: 'UPDATE ON member', what: 'member', says: ['NEW.authority_id'], when: `${WAS_OR_IS_ACTIVE} AND NOT (${differs(...STANDS)})` },
  // Authorities of agents stand by the state of members above, and a cut reads nothing to find that out.
  { on: 'UPDATE ON member', what: 'all', when: `${WAS_OR_IS_ACTIVE} AND (${differs(...STANDS)})` },
  { on: 'DELETE ON member', what: 'all' },
  { on: 'INSERT ON snapshot', what: 'evaluation', says: ['NEW.authority_id', undefined, 'NEW.subject', 'NEW.trust_anchor'] },
  { on: 'DELETE ON snapshot', what: 'evaluation', says: ['OLD.authority_id', undefined, 'OLD.subject', 'OLD.trust_anchor'] },
  {
    on: 'UPDATE ON snapshot',

    what: 'evaluation',
    says: ['NEW.authority_id', undefined, 'NEW.subject', 'NEW.trust_anchor'],
    when: differs(...SHOWN),
  },
  { on: 'UPDATE ON snapshot', what: 'all', when: differs('authority_id', 'subject', 'trust_anchor') },
  ...each('snapshot_link', ['authority_id', 'subject'], (row) => ({ what: 'links', says: [`${row}.authority_id`, undefined, `${row}.subject`] })),
  // When one was looked at is nobody's business.
  { on: 'INSERT ON anchor_pin', what: 'anchors', says: ['NEW.authority_id'] },
  { on: 'DELETE ON anchor_pin', what: 'anchors', says: ['OLD.authority_id'] },
  ...(['NEW', 'OLD'] as const).map(
    (row): Watch => ({ on: 'UPDATE ON anchor_pin', what: 'anchors', says: [`${row}.authority_id`], when: differs('authority_id', 'entity_id') }),
  ),
  ...each('checkpoint', ['authority_id'], (row) => ({ what: 'checkpoints', says: [`${row}.authority_id`] })),
  ...each('audit_key', ['authority_id'], (row) => ({ what: 'audit_keys', says: [`${row}.authority_id`] })),
  { on: 'INSERT ON event', what: 'events' },
  { on: 'INSERT ON authority', what: 'all' },
  { on: 'DELETE ON authority', what: 'all' },
  // Pages tell when all statements changed last; each of these is told of when it is signed anew.
  { on: 'UPDATE OF statements_changed_at ON authority', what: 'statements', says: ['NEW.id'], when: differs('statements_changed_at') },
  {
    on: `UPDATE OF ${columnsBut(schema.authority, 'configuration_exp', 'generation', 'statements_changed_at', 'updated_at', 'v')} ON authority`,

    what: 'all',
  },
  // What it signed is served no more.
  ...each('authority_key', ['authority_id', 'kid', 'state'], (row) => ({ what: 'all', when: isGone(row) })),
  ...each('setting', ['name'], (row) => ({ what: 'all', when: `${row}.name = '${schema.UNCONFIRMED}'` })),
];

/** Tables that changes are told of. */
export const WATCHED: readonly string[] = [...new Set(WATCHES.map(({ on }) => on.slice(on.lastIndexOf(' ') + 1)))];
