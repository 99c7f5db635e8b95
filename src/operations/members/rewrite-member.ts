import type { JwkSet } from '../../federation/entry.js';
import { type NewArtefact, putArtefacts } from '../../store/bulk.js';
import { bundlesOf, entitledToLess } from '../../store/bundles.js';
import type { Statement } from '../../store/database.js';
import { moveHostedEnd } from '../../store/hosted-end.js';
import { takePlacesOf } from '../../store/mark-places.js';
import type { NewEvent } from '../../store/event.js';
import { issuerOf, published, signedStatement } from '../artefacts/publish.js';
import { meetsToo, needsOf } from '../accreditations/admission.js';
import { type Call, change, may } from '../call.js';
import { consent } from '../deciding/consent.js';
import { widenedBy } from '../deciding/widening.js';
import { hurried } from '../keys/from-custody.js';
import type { Judged, WithFindings } from '../judged.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, expectVersion, findAuthority, findMember, type MemberRow } from '../registry.js';
import { bundleVersions, memberContent } from './decided-by.js';
import { ENDED_STATES } from '../../store/schema.js';
import { endOfMember } from './member-end.js';
import { apartByKeys, keyDifference } from './key-binding.js';
import { moveEnd } from './move-end.js';
import { contentChanged } from './vetted.js';
import { writeMember } from './write-member.js';

/**
 * What to write of a member, decided behind the lock.
 * @param seen the row when the request came in
 */
export type Rewrite = (
  before: MemberRow,
  seen: MemberRow,
) => Promise<{
  readonly row: MemberRow;
  readonly events: readonly NewEvent[];
  readonly first?: readonly Statement[];
  readonly last?: readonly Statement[];
  /** What is worth knowing about it as it was decided. */
  readonly findings?: readonly Judged[];
}>;

/**
 * How a change that widens an active member is proposed to a second person: what was asked for, to be carried out then.
 * `followed`: a key that we vouch for has signed it, so nobody decides. Null: it widens nothing.
 */
export interface Asked {
  readonly request: Readonly<Record<string, unknown>>;
  readonly digest?: string | undefined;
  /** It takes entitlements away, and nothing else: it waits for no clock and no signature. What says too much is withheld. */
  readonly cuts?: boolean;
}
export type Widening = Asked | 'followed' | null;

/**
 * Write a changed member, and answer with it and what `decide` found. @throws what `rewrite` throws
 * @param findings what else is told along with the answer
 * @param keys that it may get
 */
export const rewriteMember = (
  call: Call<WithFindings<MemberRow>>,
  slug: string,
  id: string,
  version: number | undefined,
  widening: Widening,
  decide: Rewrite,
  findings: readonly Judged[] = [],
  keys: readonly JwkSet[] = [],
): Promise<WithFindings<MemberRow>> => {
  let found: readonly Judged[] = [];
  const deciding: Rewrite = async (...rows) => {
    const decided = await decide(...rows);
    found = decided.findings ?? [];
    return decided;
  };
  return rewrite(call, slug, id, version, widening, deciding, (row) => ({ ...row, findings: [...findings, ...found] }), keys);
};

/**
 * Write a changed member; the statement of an active one is signed anew in the same commit, an approved one is vetted again.
 * @param answer what the caller is told, of the row as written; asked once `decide` has run
 * @param keys that it may get
 */
export async function rewrite<T>(
  call: Call<T>,
  slug: string,
  id: string,
  version: number | undefined,
  widening: Widening,
  decide: Rewrite,
  answer: (row: MemberRow) => T,
  keys: readonly JwkSet[] = [],
): Promise<T> {
  const { db } = call.store;
  const authorityId = (await findAuthority(db, slug)).id;
  const seen = await findMember(db, authorityId, id);
  const { entityId } = seen;
  const person = call.actor.kind !== 'system';
  // What an approver changes of a suspended member he has decided about; what was approved is always looked at again.
  const approver = person && may(call, 'approve', slug);
  const cuts = widening !== null && widening !== 'followed' && widening.cuts === true;
  return change<T>(call, {
    authorityId,
    scope: entityId,
    apart: await apartByKeys(...keys),
    urgent: cuts,
    async decide() {
      const authority = await findAuthority(db, slug);
      const before = await findMember(db, authorityId, id);
      expectVersion(before, version);
      if (ENDED_STATES.includes(before.state)) throw new Refusal('wrong_state', `a member that is ${before.state} does not change any more`);
      const { row, events, first = [], last = [] } = await decide(before, seen);
      if (events.length === 0) return { events, statements: [], result: answer(before) };
      const agreed = person && authority.quorum > 1 && widening !== 'followed' ? await twoFor(call, authority, before, row, widening) : undefined;
      if (agreed?.held) return agreed.held;
      if (!agreed && widening !== null && widening !== 'followed' && widening.digest !== undefined)
        throw new Refusal('decision_changed', 'this widens no active member any more, so nothing waits for a second person; look at the member again');
      const edited = person && contentChanged(before, row).length > 0;
      const after = { ...row, ...(edited && { lastEditor: call.actor.id }), updatedAt: call.now(), v: before.v + 1 };
      const decided = approver && before.state !== 'approved' && authority.quorum < 2;
      const { row: stands, ...written } = await writeMember(db, { before, after, decided });
      const artefacts = stands.state === 'active' ? await statementNow(call, authority, stands, cuts) : [];
      const [was, is] = [endOfMember(before), endOfMember(stands)];
      const told = events.map((one, n) => (n === events.length - 1 ? { ...one, artefacts: published(artefacts) } : one));
      return {
        events: [...told.map((one) => ({ ...one, detail: { ...one.detail, ...agreed?.detail } })), ...written.events],
        statements: [
          ...first,
          ...(was === is ? [] : [...moveEnd(call, { memberId: before.id }, is), moveHostedEnd(authorityId, entityId, is)]),
          ...(agreed?.statements ?? []),
          ...written.statements,
          ...(artefacts.length ? putArtefacts(artefacts) : []),
          ...(stands.state === 'active' && artefacts.length === 0 ? [entitledToLess(db, authorityId, stands.entityId, call.now())] : []),
          ...last,
          ...(was === is ? [] : takePlacesOf(before.id, call.now())),
        ],
        result: answer(stands),
      };
    },
  });
}

/** The statement about a member signed anew. A cut does without it where custody is away or slow: none. */
async function statementNow(call: Call, authority: AuthorityRow, row: MemberRow, cuts: boolean): Promise<readonly NewArtefact[]> {
  const sign = async (by: Call) => [await signedStatement(by, await issuerOf(by, authority), row)];
  return cuts ? sign({ ...call, custody: hurried(call.custody) }).catch(() => []) : sign(call);
}

/** As what it is by then it has to have less: fewer Entity Types demand something of it. What cannot be read demanded more. */
function needsLess({ admission }: AuthorityRow, before: MemberRow, row: MemberRow): boolean {
  try {
    return !meetsToo(needsOf(admission, row), needsOf(admission, before));
  } catch (error) {
    if (error instanceof SyntaxError) return true;
    throw error;
  }
}

/** Two persons for what widens an active member; the digest covers what stands there and what is asked for. */
async function twoFor(call: Call, authority: AuthorityRow, before: MemberRow, row: MemberRow, widening: Asked | null) {
  const entitled = before.bundles.length + row.bundles.length > 0;
  const bundles = entitled ? await bundlesOf(call.store.db, authority.id) : undefined;
  const widens = before.state === 'active' ? [...widenedBy(before, row, bundles), ...(needsLess(authority, before, row) ? ['admission'] : [])] : [];
  if (widens.length === 0) return undefined;
  if (widening === null) throw new Refusal('wrong_state', `quorum 2: this would change ${widens.join(', ')} of an active member; change the member itself`);
  return consent(call, authority.quorum, {
    kind: 'widening',
    subjectId: before.id,
    authority,
    chain: authority.id,
    permission: 'approve',
    content: {
      ...(await memberContent(call.store.db, before)),
      widens,
      request: widening.request,
      ...(row.bundles.length && { gives: await bundleVersions(call.store.db, authority.id, row.bundles) }),
    },
    request: widening.request,
    keys: (await keyDifference(before.jwks, row.jwks)).added.map(({ jkt }) => jkt),
    seen: widening.digest,
  });
}
