import { eq } from 'drizzle-orm';
import { insertRows, putArtefacts } from '../../store/bulk.js';
import type { EventsOf, Watch } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import { trustMark, trustMarkType } from '../../store/schema.js';
import { issuerOf, published } from '../artefacts/publish.js';
import type { Deployment } from '../call.js';
import type { AuthorityRow, MemberRow } from '../registry.js';
import { issuersOf, type WithMarks } from './cut-marks.js';
import { type GrantRow, type IssuedMark, issueMark, type MarkTypeRow } from './issue-mark.js';

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

/** New marks for members of one authority that are active again, from the grants that stand. An issuer that is halted or retired issues none. */
export async function reissueMarks(deployment: Deployment, members: readonly MemberRow[], watch: Watch): Promise<WithMarks> {
  const { db } = deployment.store;
  const byId = new Map(members.map((one) => [one.id, one]));
  const all: IssuedMark[] = [];
  const elsewhere: EventsOf[] = [];
  for (const { issuing, grants } of await issuersOf(deployment, [...byId.keys()], watch, { active: true })) {
    const types = await db.select().from(trustMarkType).where(eq(trustMarkType.authorityId, issuing.id));
    const typeOf = new Map<string, MarkTypeRow>(types.filter(({ state }) => state === 'active').map((row) => [row.trustMarkType, row]));
    const issued = await issueAll(deployment, issuing, grants, typeOf, byId);
    all.push(...issued);
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
  return { statements: publishMarks(all), elsewhere };
}

async function issueAll(
  deployment: Deployment,
  issuing: AuthorityRow,
  grants: readonly GrantRow[],
  types: ReadonlyMap<string, MarkTypeRow>,
  members: ReadonlyMap<string, MemberRow>,
): Promise<readonly IssuedMark[]> {
  const issuer = await issuerOf(deployment, issuing);
  const now = deployment.now();
  const due = grants.filter((grant) => grant.validUntil === null || grant.validUntil > now);
  return Promise.all(
    due.flatMap((grant) => {
      const [type, about] = [types.get(grant.trustMarkType), members.get(grant.memberId)];
      return !type || !about || (type.delegationExp !== null && type.delegationExp <= now) ? [] : [issueMark(deployment, issuer, type, grant, about)];
    }),
  );
}
