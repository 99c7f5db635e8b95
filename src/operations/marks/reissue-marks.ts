import { eq } from 'drizzle-orm';
import { insertRows, putArtefacts } from '../../store/bulk.js';
import type { EventsOf, Watch } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import { holdPlaces, type MarkPlace } from '../../store/mark-places.js';
import { trustMark, trustMarkType } from '../../store/schema.js';
import { issuerOf, published } from '../artefacts/publish.js';
import type { Deployment } from '../call.js';
import { type AuthorityRow, authorityKeys, type MemberRow } from '../registry.js';
import { issuersOf, type WithMarks } from './cut-marks.js';
import { capOf, type GrantRow, type IssuedMark, issueMark, type MarkTypeRow } from './issue-mark.js';

/** The statements that put issued marks in force. */
export const publishMarks = (issued: readonly IssuedMark[]): readonly Statement[] =>
  issued.length
    ? [
        ...putArtefacts(issued.flatMap(({ mark, statuses }) => [mark, ...statuses])),
        insertRows(
          trustMark,
          issued.map(({ row }) => row),
        ),
      ]
    : [];

/** Where the mark of a grant lies. */
export const placeOf = (type: MarkTypeRow, grant: GrantRow, member: MemberRow): MarkPlace => ({ ...grant, cap: capOf(type, grant, member) });

/**
 * New marks for members of one authority that are active again, from the grants that stand. An issuer that cannot sign, because
 * it is halted or has no key, holds their places: its marks come when it signs again.
 */
export async function reissueMarks(deployment: Deployment, members: readonly MemberRow[], watch: Watch): Promise<WithMarks> {
  const { db } = deployment.store;
  const byId = new Map(members.map((one) => [one.id, one]));
  const all: IssuedMark[] = [];
  const held: MarkPlace[] = [];
  const elsewhere: EventsOf[] = [];
  for (const { issuing, grants } of await issuersOf(deployment, [...byId.keys()], watch, { living: true })) {
    const types = await db.select().from(trustMarkType).where(eq(trustMarkType.authorityId, issuing.id));
    const typeOf = new Map<string, MarkTypeRow>(types.filter(({ state }) => state === 'active').map((row) => [row.trustMarkType, row]));
    const now = deployment.now();
    const standing = dueGrants(grants, typeOf, byId, now);
    const due = standing.filter(({ type: { delegationExp } }) => delegationExp === null || delegationExp > now);
    // Where the delegation has ended its place is kept as well: the next delegation moves its end, and a mark is due there.
    held.push(...standing.filter((one) => !due.includes(one)).map(({ type, grant, about }) => placeOf(type, grant, about)));
    const signs = issuing.state === 'active' && (await authorityKeys(db, issuing.id)).some(({ state }) => state === 'active');
    const issued = signs && due.length ? await issueAll(deployment, issuing, due) : [];
    all.push(...issued);
    if (!signs) held.push(...due.map(({ type, grant, about }) => placeOf(type, grant, about)));
    const foreign = members.filter(({ id, authorityId }) => authorityId !== issuing.id && grants.some(({ memberId }) => memberId === id));
    if (foreign.length)
      elsewhere.push({
        authorityId: issuing.id,
        events: foreign.map(({ id, entityId }) => ({
          type: 'trust_mark.resumed',
          subjectKind: 'trust_mark',
          subjectId: id,
          detail: { entity_id: entityId, types: grants.filter(({ memberId }) => memberId === id).map(({ trustMarkType: type }) => type) },
          artefacts: published(issued.filter(({ row }) => row.memberId === id).map(({ mark }) => mark)),
        })),
      });
  }
  return { statements: [...publishMarks(all), ...holdPlaces(held, deployment.now())], elsewhere };
}

interface DueGrant {
  readonly type: MarkTypeRow;
  readonly grant: GrantRow;
  readonly about: MemberRow;
}

/** Grants that a mark stands for now, or will when there is a delegation again. */
const dueGrants = (
  grants: readonly GrantRow[],
  types: ReadonlyMap<string, MarkTypeRow>,
  members: ReadonlyMap<string, MemberRow>,
  now: number,
): readonly DueGrant[] =>
  grants.flatMap((grant) => {
    const [type, about] = [types.get(grant.trustMarkType), members.get(grant.memberId)];
    if (!type || !about || (grant.validUntil !== null && grant.validUntil <= now)) return [];
    return [{ type, grant, about }];
  });

async function issueAll(deployment: Deployment, issuing: AuthorityRow, due: readonly DueGrant[]): Promise<readonly IssuedMark[]> {
  const issuer = await issuerOf(deployment, issuing);
  return Promise.all(due.map(({ type, grant, about }) => issueMark(deployment, issuer, type, grant, about)));
}
