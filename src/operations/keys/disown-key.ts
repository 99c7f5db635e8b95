import { and, eq, ne } from 'drizzle-orm';
import type { PublicJwk } from '../../federation/entry.js';
import { putArtefacts } from '../../store/bulk.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { holdsText } from '../../store/conditions.js';
import { whileClaimedByNoOther } from '../../store/guards.js';
import { artefact, authority } from '../../store/schema.js';
import { issuerOf, published, signedConfiguration } from '../artefacts/publish.js';
import type { Call } from '../call.js';
import { consequencesOf } from '../facts.js';
import type { AuthorityRow } from '../registry.js';
import type { GoneKey, Rewritten } from './gone-key.js';
import { type Disowned, withoutOwnersKey } from './owner-keys.js';

/** Authorities of this deployment in whose further claims, such as `trust_mark_owners`, the key stands by its text. */
export const recognizing = ({ store: { db } }: Call, { text }: GoneKey): Promise<readonly AuthorityRow[]> =>
  db
    .select()
    .from(authority)
    .where(and(ne(authority.state, 'retired'), holdsText(authority.claims, text)));

export interface Cleared extends Rewritten {
  /** The further claims of the authority from this commit on. */
  readonly claims?: AuthorityRow['claims'];
}

/**
 * A key that was compromised signs no delegation any more (OpenID Federation 1.0 §7.2.2): it goes from every
 * `trust_mark_owners` here. The configuration that lists it is replaced in this commit, or withheld until it is signed anew.
 * That of the authority itself is signed by the change of its keys.
 */
export async function disownKey(call: Call, of: AuthorityRow, row: AuthorityRow, gone: GoneKey, heir: PublicJwk | undefined): Promise<Cleared> {
  const found = await withoutOwnersKey(row.claims, gone, { sub: of.entityId, jwk: heir }).catch(() => undefined);
  if (found?.disowned.length === 0) return { events: [], statements: [] };
  const now = call.now();
  const own = row.id === of.id;
  const after: AuthorityRow = found ? { ...row, claims: found.claims, updatedAt: now, v: row.v + 1 } : row;
  const configuration = own || !found ? undefined : await configurationNow(call, after);
  const { db } = call.store;
  const told = found ? found.disowned.map(eventOf) : [unread(row)];
  const events = told.map((one, n) => (configuration && n === told.length - 1 ? { ...one, artefacts: published([configuration]) } : one));
  return {
    ...(found && { claims: found.claims }),
    events: [{ authorityId: row.id, events }],
    statements: [
      ...(found
        ? [
            db
              .update(authority)
              .set({ claims: found.claims, updatedAt: now, ...(!own && { v: after.v }) })
              .where(eq(authority.id, row.id)),
          ]
        : []),
      ...consequencesOf(row.id, { fact: 'recognizes less' }, now, call.dueAtOnce),
      ...(configuration ? putArtefacts([configuration]) : own ? [] : [withhold(call, row.id)]),
    ],
  };
}

const eventOf = ({ type, ...detail }: Disowned): NewEvent => ({
  type: 'trust_mark_owner.key_compromised',
  subjectKind: 'trust_mark_type',
  subjectId: type,
  reasonCode: 'compromised',
  detail: { ...detail },
});

/** Claims that cannot be read stay as they stand there, for a person to look at; the configuration that was made of them is not served. */
const unread = ({ id }: AuthorityRow): NewEvent => ({
  type: 'trust_mark_owner.key_compromised',
  subjectKind: 'authority',
  subjectId: id,
  reasonCode: 'compromised',
  detail: { removed: null },
});

/** Undefined where it cannot be signed in this commit. */
const configurationNow = (call: Call, row: AuthorityRow) =>
  issuerOf(call, row)
    .then((issuer) => signedConfiguration(call, issuer))
    .catch(() => undefined);

const withhold = ({ store: { db }, now }: Call, authorityId: string): Statement =>
  db
    .update(artefact)
    .set({ withheld: 'key_revoked', renewAt: now(), leaseUntil: 0 })
    .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'entity_configuration')));

/** Set meanwhile by an authority whose chain was not watched: decided again. */
export const ownedByNoOther = (of: AuthorityRow, { text }: GoneKey, rows: readonly AuthorityRow[]): Statement => whileClaimedByNoOther(of.id, text, rows);
