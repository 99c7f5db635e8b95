import { homeOf, spellingOf } from '../../federation/place.js';
import type { JwkSet } from '../../federation/entry.js';
import type { Database } from '../../store/database.js';
import { artefactsOfNobody, keysOfNobody, keysOnRecord, signedBeyond } from '../../store/consistency.js';
import { thumbprintsOf } from '../members/key-binding.js';
import type { Add } from './damage.js';

/** Findings of one kind that are told. */
const TOLD = 1000;

export interface Indexed {
  readonly id: string;
  readonly entityId: string;
  readonly spelling: string | null;
  /** Undefined: it cannot be read. */
  readonly jwks: JwkSet | undefined;
}

/** Members' keys are indexed by thumbprint and their identifiers by spelling. @param indexedTo up to which id, while the index is being filled */
export async function checkIndexed(db: Database, rows: readonly Indexed[], indexedTo: string | undefined, add: Add): Promise<void> {
  const indexed = rows.filter(({ id }) => indexedTo === undefined || id <= indexedTo);
  const kept = new Map<string, string[]>();
  for (const { memberId, thumbprint } of await keysOnRecord(
    db,
    indexed.map(({ id }) => id),
  ))
    kept.set(memberId, [...(kept.get(memberId) ?? []), thumbprint]);
  for (const { id, entityId, spelling, jwks } of indexed) {
    if (spelling !== spellingOf(entityId)) add('spelling', `member ${entityId}`, `${spelling ?? 'nothing'} is on record as what its spellings have in common`);
    if (jwks === undefined) continue;
    const [bound, found] = [await thumbprintsOf(jwks), kept.get(id) ?? []];
    const missing = bound.filter((one) => !found.includes(one));
    const extra = found.filter((one) => !bound.includes(one));
    if (missing.length) add('key_index', `member ${entityId}`, `its key ${missing.join(', ')} is not in the index of keys`);
    if (extra.length) add('key_index', `member ${entityId}`, `the index of keys has ${extra.join(', ')}, which is not bound to it`);
  }
}

export async function checkKeysOfNobody(db: Database, addTo: (authorityId: string) => Add): Promise<void> {
  for (const { memberId, authorityId } of await keysOfNobody(db, TOLD))
    addTo(authorityId)('key_index', `member ${memberId}`, 'the index of keys names it, and it is gone');
}

type Placed = { readonly id: string; readonly entityId: string; readonly place: string | null };

/** What an authority's rows say about each other. @param all every authority of the deployment */
export async function checkAuthority(db: Database, { id, entityId, place }: Placed, all: readonly Placed[], add: Add): Promise<void> {
  // In development loopback hosts are one, and which mode it is stands in no row. Null beside an older one that answers there.
  const homes = [homeOf(entityId), homeOf(entityId, true)];
  const taken = all.some((other) => other.place !== null && homes.includes(other.place));
  if (place === null ? !taken : !homes.includes(place)) add('place', 'authority', `it answers at ${homes[0]}, ${place ?? 'nothing'} is on record`);
  for (const { kind, key, who } of await artefactsOfNobody(db, id, TOLD))
    add('artefact_of_nobody', `${kind} ${key}`.trim(), `it belongs to ${who}, and that is gone`);
  for (const { kid, signedUntil, exp } of await signedBeyond(db, id))
    add('signed_until', `key ${kid}`, `something it signed lasts until ${exp}, on record is ${signedUntil ?? 'nothing'}`);
}
