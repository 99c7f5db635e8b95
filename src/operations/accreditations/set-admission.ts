import { eq } from 'drizzle-orm';
import { activeAfter } from '../../store/accreditations.js';
import type { Database } from '../../store/database.js';
import { type AdmissionRules, authority } from '../../store/schema.js';
import { byChain } from '../by-chain.js';
import { allow, type Call, change } from '../call.js';
import { consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority, type MemberRow } from '../registry.js';
import { jsonEqual } from '../../federation/strict-json.js';
import { inWords, loosenedRules } from './admission.js';
import { judge } from './judge.js';
import { reconsider } from './reconsider.js';

export interface AdmissionInput {
  readonly rules: AdmissionRules;
  /** Suspend the active members that do not meet them; without it rules that some do not meet are refused. */
  readonly suspend?: boolean | undefined;
}
export interface SetAdmission {
  readonly authority: AuthorityRow;
  readonly suspended: readonly string[];
}

const PAGE = 1000;
/** Members that a refusal names. */
const NAMED = 5;

async function activeMembers(db: Database, authorityId: string): Promise<readonly MemberRow[]> {
  const all: MemberRow[] = [];
  for (let after = ''; ; ) {
    const rows = await activeAfter(db, authorityId, after, PAGE);
    all.push(...rows);
    if (rows.length < PAGE) return all;
    after = rows.at(-1)?.id ?? after;
  }
}

/** Null: they cannot be read. They demanded anything: whatever is set is looser. */
export function readRules({ admission }: AuthorityRow): AdmissionRules | null {
  try {
    return { ...admission };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Rules without what says nothing, so that the same ones are the same text. */
const plain = (rules: AdmissionRules): AdmissionRules =>
  Object.fromEntries(
    Object.entries(rules)
      .map(
        ([type, { accreditations = [], sponsor }]) =>
          [
            type,
            { ...(accreditations.length && { accreditations: [...new Set(accreditations)].toSorted() }), ...(sponsor === 'required' && { sponsor }) },
          ] as const,
      )
      .filter(([, rule]) => Object.keys(rule).length > 0)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );

/**
 * Set what members have to have to be in force, by Entity Type. To demand more takes one person, to demand less the quorum.
 * Whoever is active and lacks what is demanded from now on is not in force: it is suspended in the same commit, and only where
 * the caller says so.
 * @throws Refusal accreditation_not_in_force with the members that would be suspended
 */
export async function setAdmission(call: Call<SetAdmission>, slug: string, input: AdmissionInput, seen: Seen = {}): Promise<SetAdmission> {
  allow(call, 'administer', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const rules = plain(input.rules);
  const suspend = input.suspend ?? false;
  return change<SetAdmission>(call, {
    authorityId: id,
    scope: null,
    async decide(watch) {
      const before = await findAuthority(db, slug);
      const from = readRules(before);
      if (from && jsonEqual(from, rules)) return { events: [], statements: [], result: { authority: before, suspended: [] } };
      const loosens = from ? loosenedRules(from, rules) : ['unreadable'];
      const now = call.now();
      const members = await activeMembers(db, id);
      const standings = await judge(db, id, rules, members, now);
      const lacking = members.filter((one) => standings.get(one.id)?.missing.length);
      // Whoever rehearses asks whom it is about, before he says that they are to be suspended.
      if (call.rehearsal && !suspend)
        return { events: [], statements: [], result: { authority: { ...before, admission: rules }, suspended: lacking.map(({ entityId }) => entityId) } };
      if (lacking.length && !suspend) throw new Refusal('accreditation_not_in_force', lackingInWords(lacking, standings));
      const agreed = await consent(call, loosens.length ? before.quorum : 1, {
        kind: 'admission',
        subjectId: id,
        authority: before,
        chain: id,
        permission: 'administer',
        content: { authority: slug, from, to: rules, loosens, suspend },
        request: { rules, suspend },
        seen: seen.digest,
        note: seen.note,
      });
      if (agreed.held) return agreed.held;
      const after: AuthorityRow = { ...before, admission: rules, updatedAt: now, v: before.v + 1 };
      const reached = await reconsider(call, watch, id, members, standings, { reason: 'admission rules tightened', reasonCode: 'admission_tightened' });
      return {
        ...byChain(id, [
          {
            authorityId: id,
            events: [
              {
                type: 'authority.admission_changed',
                subjectKind: 'authority',
                subjectId: id,
                detail: { from, to: rules, suspended: reached.suspended.length, ...(loosens.length && { loosens, ...agreed.detail }) },
              },
              ...reached.events,
            ],
          },
          ...reached.elsewhere,
        ]),
        statements: [
          ...agreed.statements,
          db.update(authority).set({ admission: rules, updatedAt: after.updatedAt, v: after.v }).where(eq(authority.id, id)),
          ...reached.statements,
        ],
        result: { authority: after, suspended: reached.suspended },
      };
    },
  });
}

function lackingInWords(lacking: readonly MemberRow[], standings: Awaited<ReturnType<typeof judge>>): string {
  const named = lacking.slice(0, NAMED).map(({ id, entityId }) => `${entityId} (${standings.get(id)?.missing.join(', ')})`);
  const more = lacking.length > NAMED ? ` and ${lacking.length - NAMED} more` : '';
  const missing = [...new Set(lacking.flatMap(({ id }) => standings.get(id)?.missing ?? []))];
  return `${lacking.length} active member(s) do not meet these rules: ${named.join(', ')}${more}. Give them what they lack first: ${inWords(missing)}. Or have them suspended with it: --suspend (API: suspend)`;
}
