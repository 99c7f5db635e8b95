import { activeAccredited, type AccreditationRow, evidenceFor, lineageOf, setAccreditation } from '../../store/accreditations.js';
import { allow, type Call, change } from '../call.js';
import { expectAnother } from '../deciding/another-person.js';
import { passMarksOn } from '../marks/marks-on.js';
import { byChain } from '../by-chain.js';
import { askedAt, expectNotCutSince } from '../overtaken.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, expectVersion, findAuthority, type MemberRow } from '../registry.js';
import { needsOf } from './admission.js';
import { unreadable } from './admitted.js';
import { findAccreditation } from './find-accreditation.js';
import { judge } from './judge.js';
import { reconsider } from './reconsider.js';

/** @throws Refusal wrong_state where the rules cannot be read: then nobody knows whose end it moves */
function needsAt({ admission, slug }: AuthorityRow, member: MemberRow): readonly string[] {
  try {
    return needsOf(admission, member).kinds;
  } catch (error) {
    return unreadable(slug, error);
  }
}

/** Those whose ends hang on the accreditations of a kind. */
const hangOn = (kinds: readonly string[], kind: string): boolean => kinds.includes(kind);

/**
 * Somebody has looked at an accreditation and its evidence: it counts from now on, for as long as it says. Of what is suspended
 * nothing comes back by it: that is decided by whoever resumes.
 * @param version the one the caller looked at: another piece of evidence makes another one
 * @throws Refusal self_approval, wrong_state, version_conflict
 */
export async function verifyAccreditation(call: Call<AccreditationRow>, slug: string, id: string, version?: number): Promise<AccreditationRow> {
  allow(call, 'approve', slug);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const since = await askedAt(db, authorityId);
  const seen = await findAccreditation(db, authorityId, id);
  return change<AccreditationRow>(call, {
    authorityId,
    scope: null,
    about: id,
    async decide(watch) {
      const authority = await findAuthority(db, slug);
      const before = await findAccreditation(db, authorityId, id);
      const now = call.now();
      // What the whole lineage lost since was not known to whoever asked.
      const lineage = await lineageOf(db, authorityId, before.lineage);
      await expectNotCutSince(db, since, [id, before.lineage, ...lineage.map((one) => one.id)]);
      if (before.state === 'in_force') return { events: [], statements: [], result: before };
      if (before.state === 'withdrawn') throw new Refusal('wrong_state', 'it was withdrawn; add another one: holdfast accreditation add');
      expectVersion(before, version ?? seen.v);
      if (before.validUntil !== null && before.validUntil <= now) throw new Refusal('wrong_state', `it has ended already, at ${before.validUntil}`);
      const evidence = await evidenceFor(db, authorityId, [id]);
      const alone = await expectAnother(
        call,
        authority,
        [before.addedBy, ...evidence.map(({ uploadedBy }) => uploadedBy)],
        'added it, or handed in its evidence',
      );
      const after: AccreditationRow = { ...before, state: 'in_force', verifiedBy: call.actor.id, verifiedAt: now, updatedAt: now, v: before.v + 1 };
      const members = (await activeAccredited(db, authorityId, before)).filter((one) => hangOn(needsAt(authority, one), before.kind));
      const standings = await judge(db, authorityId, authority.admission, members, now, (rows) => [...rows, after]);
      // It takes nothing from anybody: who lacks something lacked it before, and is seen to by the background.
      const better = members.filter(({ id: one }) => standings.get(one)?.missing.length === 0);
      const reached = await reconsider(call, watch, authorityId, better, standings, { reason: 'accreditation verified', reasonCode: 'stated' });
      const renewed = lineage.find((one) => one.id === before.supersedes && one.state === 'in_force' && lasts(before, one));
      const marks = renewed ? await passMarksOn(call, watch, renewed, after) : { statements: [], elsewhere: [] };
      const { verifiedBy, verifiedAt, updatedAt, v, state } = after;
      return {
        ...byChain(authorityId, [
          {
            authorityId,
            events: [
              {
                type: 'accreditation.verified',
                subjectKind: 'accreditation',
                subjectId: id,
                detail: {
                  kind: before.kind,
                  valid_until: before.validUntil,
                  evidence: evidence.map(({ sha256 }) => sha256).toSorted(),
                  members: better.length,
                  ...alone,
                },
              },
            ],
          },
          ...marks.elsewhere,
          ...reached.elsewhere,
        ]),
        statements: [setAccreditation(db, id, { state, verifiedBy, verifiedAt, updatedAt, v }), ...reached.statements, ...marks.statements],
        result: after,
      };
    },
  });
}

/** Does it last longer than the one before, and begin before that ends? Through a gap nothing lasts. */
const lasts = ({ validFrom, validUntil }: AccreditationRow, before: AccreditationRow): boolean =>
  before.validUntil !== null && validFrom <= before.validUntil && (validUntil === null || validUntil > before.validUntil);
