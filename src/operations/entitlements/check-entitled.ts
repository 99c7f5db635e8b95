import { CLIENT_TYPES, compactBytes, type Entitlement, type Finding, finding, limits, parseEntitlements, unreadable } from '../../federation/entry.js';
import { quote } from '../../federation/finding.js';
import { Findings } from '../../federation/places.js';
import { entitledAfter, type EntitledCells } from '../../store/bundles.js';
import type { Database } from '../../store/database.js';
import { statementClaims, type StatementSources } from '../artefacts/publish.js';
import { refuseFindings } from '../refusal.js';
import { findMember, type MemberRow } from '../registry.js';
import { type Bundles, type Entitled, entitledIn, entitledTo, policyAbout } from './effective.js';

/** Bundles of one member: what they give together is limited anyway. */
export const MAX_BUNDLES_EACH = 20;

const no = (where: string, detail: string): Finding => finding('entitlement_invalid', where, detail);

/** An entity that is known to be no client gets nothing from entitlements: whoever gives it some has another one in mind. */
function noClient({ intermediate, entityTypes, entityId }: MemberRow): readonly Finding[] {
  if (intermediate || entityTypes.length === 0 || entityTypes.some((type) => (CLIENT_TYPES as readonly string[]).includes(type))) return [];
  const types = entityTypes.map(quote).join(', ');
  return [no('entity_types', `${entityId} is ${types} and no client: entitlements speak of ${CLIENT_TYPES.join(' and ')} and would do nothing`)];
}

/**
 * What a member would be entitled to, before it is written: known bundles, a client, and a statement that can be signed. Whoever
 * loses entitlements keeps the bundles it has, ended ones included.
 * @param before undefined for one that is enrolled
 * @throws Refusal findings
 */
export function expectEntitled({ authority, policy, bundles }: StatementSources, row: MemberRow, before: Entitled | undefined, now: number): void {
  if (entitledTo(row, bundles) === undefined) return;
  const findings = new Findings();
  for (const [n, name] of row.bundles.entries()) {
    if (before?.bundles.includes(name)) continue;
    const bundle = bundles.get(name);
    if (bundle?.state !== 'active') findings.add(no(`bundles/${n}`, bundle ? `the bundle ${quote(name)} has ended` : `there is no bundle ${quote(name)}`));
  }
  if (row.bundles.length > MAX_BUNDLES_EACH) findings.add(finding('too_many', 'bundles', `${row.bundles.length} bundles, more than ${MAX_BUNDLES_EACH}`));
  if (!before || entitledTo(before, bundles) === undefined) findings.add(...noClient(row));
  if (findings.all.length) throw refuseFindings('these entitlements cannot be given', findings.all);
  const rules = policyAbout(policy?.policy ?? {}, row, bundles);
  if (!rules.ok) throw refuseFindings('these entitlements contradict the policy of the authority', rules.findings);
  const fault = unreadable(statementClaims({ authority, policy, bundles }, row, now));
  if (fault) throw refuseFindings('these entitlements cannot be given', [{ ...fault, where: 'entitlements' }]);
}

/** @throws Refusal findings */
export function expectList(value: unknown): readonly Entitlement[] {
  const parsed = parseEntitlements(value);
  if (!parsed.ok) throw refuseFindings('these entitlements cannot be read', parsed.findings);
  return parsed.value;
}

const PAGE = 500;
const NAMED = 3;
/** Lists that many members have alike are judged once. */
const REMEMBERED = 5000;

/** What is said of all members alike. */
const textBytes = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value ?? {})).length;
/** Claims that every statement has, and what stands around them. */
const OWN_VALUES = 100;

/**
 * Members of whom, with their entitlements under a policy, no statement could be signed any more: they contradict it, or both
 * together are more than a statement may be.
 * @param sources the policy and the bundles as they would be
 * @param only of one bundle: those that have it; `sized`: false where it only gives less, which makes no statement larger
 */
export async function contradicted(
  db: Database,
  sources: StatementSources,
  only: { readonly bundle?: string; readonly sized?: boolean } = {},
): Promise<readonly Finding[]> {
  const { authority, policy, bundles } = sources;
  const judged = new Map<string, Judgement>();
  const findings: Finding[] = [];
  const alike = 6 * authority.entityId.length + textBytes(policy?.crit) + textBytes(policy?.constraints);
  const alikeValues = OWN_VALUES + commasIn(JSON.stringify([policy?.crit, policy?.constraints]));
  let more = 0;
  let cursor = '';
  for (let full = true; full; ) {
    const rows = await entitledAfter(db, authority.id, cursor, PAGE, only.bundle);
    full = rows.length === PAGE;
    cursor = rows.at(-1)?.entityId ?? cursor;
    for (const cells of rows) {
      const key = `${cells.intermediate} ${cells.entitlements} ${cells.bundles}`;
      const judgement = judged.get(key) ?? judge(policy?.policy ?? {}, cells, bundles);
      if (judged.size < REMEMBERED) judged.set(key, judgement);
      const large =
        only.sized !== false &&
        (compactBytes(alike + cells.saidBytes + judgement.bytes) > limits.MAX_STATEMENT_BYTES ||
          alikeValues + cells.saidValues + judgement.values > limits.MAX_JSON_VALUES);
      const faults = large && judgement.faults.length === 0 ? await measured(db, sources, cells.entityId) : judgement.faults;
      if (faults.length === 0) continue;
      if (findings.length < NAMED) findings.push(...faults.slice(0, 1).map((one) => ({ ...one, where: `${cells.entityId} ${one.where}` })));
      else more++;
    }
  }
  const last = findings.at(-1);
  return more && last ? [...findings.slice(0, -1), { ...last, detail: `${last.detail}; and ${more} more members` }] : findings;
}

/** Of lists of entitlements: what speaks against them, and what they and the policy bring into a statement. */
interface Judgement {
  readonly faults: readonly Finding[];
  readonly bytes: number;
  readonly values: number;
}

/** At most so many values has a text of JSON. */
const commasIn = (text: string): number => text.match(/[,[{]/g)?.length ?? 0;

function judge(
  policy: Readonly<Record<string, unknown>>,
  { intermediate, entitlements, bundles }: Pick<EntitledCells, 'intermediate' | 'entitlements' | 'bundles'>,
  known: Bundles,
): Judgement {
  const nothing = { faults: [], bytes: 0, values: 0 };
  const member = entitledIn({ entitlements, bundles });
  // Nothing is signed of a member with a damaged cell in any case.
  if (!member) return nothing;
  const rules = policyAbout(policy, { ...member, intermediate }, known);
  if (!rules.ok) return { ...nothing, faults: rules.findings };
  const text = JSON.stringify(rules.value);
  return { faults: [], bytes: textBytes(rules.value), values: commasIn(text) };
}

/** Of one that may be too large: is it? */
async function measured(db: Database, sources: StatementSources, entityId: string): Promise<readonly Finding[]> {
  try {
    const member = await findMember(db, sources.authority.id, entityId);
    const fault = unreadable(statementClaims(sources, member, 0));
    return fault ? [{ ...fault, where: 'entitlements' }] : [];
  } catch {
    return []; // a damaged cell, as above
  }
}
