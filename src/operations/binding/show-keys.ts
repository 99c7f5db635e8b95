import type { JwkSet } from '../../federation/entry.js';
import { certifiedUntil } from '../../keys/certificates.js';
import type { Database } from '../../store/database.js';
import { type KeyStandingRow, standingsOf } from '../../store/key-standing.js';
import { type NamedKey, namedKeys } from '../members/key-binding.js';
import type { MemberRow } from '../registry.js';
import { candidatesOf } from './candidates.js';

/** `proposed`, `proven`: we do not vouch for it yet; `bound`: we do, `unbound`: the member has ended. */
export const MEMBER_KEY_STATES = ['proposed', 'proven', 'bound', 'unbound'] as const;
export type MemberKeyState = (typeof MEMBER_KEY_STATES)[number];

export interface ShownKey extends NamedKey {
  readonly state: MemberKeyState;
  /** Undefined: bound by somebody's word, or because a bound key signed it. */
  readonly standing: KeyStandingRow | undefined;
  readonly certifiedUntil: number | null;
}

const VOUCHED: readonly MemberRow['state'][] = ['active', 'suspended'];
const ENDED: readonly MemberRow['state'][] = ['revoked', 'archived'];

function stateOf({ state }: MemberRow, isBound: boolean, standing: KeyStandingRow | undefined): MemberKeyState {
  if (isBound && VOUCHED.includes(state)) return 'bound';
  if (ENDED.includes(state)) return 'unbound';
  return standing?.provenAt == null ? 'proposed' : 'proven';
}

async function shown(row: MemberRow, candidates: JwkSet, all: readonly KeyStandingRow[]): Promise<readonly ShownKey[]> {
  const own = new Set((await namedKeys(row.jwks)).map(({ jkt }) => jkt));
  const ends = await Promise.all(candidates.keys.map((key) => certifiedUntil(key)));
  return (await namedKeys(candidates)).map((key, n) => {
    const standing = all.find(({ memberId, thumbprint }) => memberId === row.id && thumbprint === key.jkt);
    return { ...key, state: stateOf(row, own.has(key.jkt), standing), standing, certifiedUntil: ends[n] ?? null };
  });
}

/** Keys that cannot be read are shown by nothing; the rest of the row is. */
async function legible(of: () => Promise<readonly ShownKey[]>): Promise<readonly ShownKey[]> {
  try {
    return await of();
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/** What is known of the keys of members, by member. */
export async function keysOfMembers(db: Database, rows: readonly MemberRow[]): Promise<ReadonlyMap<string, readonly ShownKey[]>> {
  const all = await standingsOf(
    db,
    rows.map(({ id }) => id),
  );
  return new Map(await Promise.all(rows.map(async (row) => [row.id, await legible(() => shown(row, row.jwks, all))] as const)));
}

/** Of one member also the keys that are held for a person to look at. */
export const keysAbout = async (db: Database, row: MemberRow): Promise<readonly ShownKey[]> =>
  legible(async () => shown(row, await candidatesOf(db, row), await standingsOf(db, [row.id])));
