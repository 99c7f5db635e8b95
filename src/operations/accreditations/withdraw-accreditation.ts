import { activeAccredited, type AccreditationRow, lineageOf, setAccreditation } from '../../store/accreditations.js';
import { byChain } from '../by-chain.js';
import { allow, type Call, change } from '../call.js';
import { hurried } from '../keys/from-custody.js';
import { withdrawMarksOn } from '../marks/marks-on.js';
import { findAuthority } from '../registry.js';
import { findAccreditation } from './find-accreditation.js';
import { judge } from './judge.js';
import { reconsider } from './reconsider.js';

export interface Withdrawn {
  readonly row: AccreditationRow;
  /** Entity Identifiers of the members that are suspended with it. */
  readonly suspended: readonly string[];
}

/**
 * Withdraw an accreditation with all that it renews and that renews it: the members that have to have it are suspended, and the
 * marks that hang on it revoked, in the same commit. A cut: it needs one person, no signature and no cell but those of the rows
 * themselves.
 */
export async function withdrawAccreditation(asked: Call<Withdrawn>, slug: string, id: string, reason: string): Promise<Withdrawn> {
  allow(asked, 'cut', slug);
  const call: Call<Withdrawn> = { ...asked, custody: hurried(asked.custody) };
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  await findAccreditation(db, authorityId, id);
  return change<Withdrawn>(call, {
    authorityId,
    scope: null,
    about: id,
    urgent: true,
    async decide(watch) {
      const authority = await findAuthority(db, slug);
      const before = await findAccreditation(db, authorityId, id);
      const told = (one: AccreditationRow, detail: object) => ({
        type: 'accreditation.withdrawn',
        subjectKind: 'accreditation' as const,
        subjectId: one.id,
        // What somebody wrote stands with the one that was named, and nowhere else: there it can be erased.
        ...(one.id === id && { reason }),
        detail: { kind: one.kind, ...detail },
      });
      // Told all the same, to whoever is about to verify it or what renews it.
      if (before.state === 'withdrawn') return { events: [told(before, { already: true })], statements: [], result: { row: before, suspended: [] } };
      const now = call.now();
      // The one that was named first, whose event has the words.
      const lineage = await lineageOf(db, authorityId, before.lineage);
      const gone = [before, ...lineage.filter((one) => one.id !== id)].filter(({ state }) => state !== 'withdrawn');
      const ids = new Set(gone.map((one) => one.id));
      const counted = gone.some(({ state }) => state === 'in_force');
      const members = counted ? await activeAccredited(db, authorityId, before) : [];
      const left = (rows: readonly AccreditationRow[]) => rows.filter((one) => !ids.has(one.id));
      const standings = await judge(db, authorityId, authority.admission, members, now, left, { kinds: [before.kind], sponsor: false });
      const reached = await reconsider(call, watch, authorityId, members, standings, {
        // Whoever lacks something else is not suspended by this act.
        spared: (missing) => !missing.includes(before.kind),
        reason: `accreditation ${before.kind} withdrawn`,
        reasonCode: 'accreditation_withdrawn',
        detail: { accreditation: id },
      });
      const marks = await withdrawMarksOn(call, watch, gone, `accreditation ${before.kind} withdrawn`);
      const set = { state: 'withdrawn' as const, withdrawnReason: reason, updatedAt: now };
      return {
        ...byChain(authorityId, [
          {
            authorityId,
            events: [...gone.map((one) => told(one, one.id === id ? { suspended: reached.suspended.length } : { with: id })), ...reached.events],
          },
          ...reached.elsewhere,
          ...marks.elsewhere,
        ]),
        // The grants first: what they give up is found through them.
        statements: [
          ...marks.statements,
          ...reached.statements,
          ...gone.map((one) => setAccreditation(db, one.id, { ...set, ...(one.id !== id && { withdrawnReason: `withdrawn with ${id}` }), v: one.v + 1 })),
        ],
        result: { row: { ...before, ...set, v: before.v + 1 }, suspended: reached.suspended },
      };
    },
  });
}
