import { CLIENT_TYPES, type Entitlement, type Finding, finding, limits, parseEntitlements } from '../../federation/entry.js';
import { quote } from '../../federation/finding.js';
import { Findings } from '../../federation/places.js';
import { entitledAfter } from '../../store/bundles.js';
import type { Database } from '../../store/database.js';
import { statementClaims } from '../artefacts/publish.js';
import { refuseFindings } from '../refusal.js';
import type { AuthorityRow, MemberRow, PolicyRow } from '../registry.js';
import { type Bundles, type Entitled, entitledTo, policyAbout } from './effective.js';

/** Bundles of one member: what they give together is limited anyway. */
export const MAX_BUNDLES_EACH = 20;

/** Header, signature and what is not known before signing. */
const FRAME_BYTES = 2500;

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
export function expectEntitled(
  { authority, policy, bundles }: { readonly authority: AuthorityRow; readonly policy: PolicyRow | undefined; readonly bundles: Bundles },
  row: MemberRow,
  before: Entitled | undefined,
  now: number,
): void {
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
  const { length } = new TextEncoder().encode(JSON.stringify(statementClaims({ authority, policy, bundles }, row, now)));
  const bytes = Math.ceil((length * 4) / 3) + FRAME_BYTES;
  if (bytes > limits.MAX_STATEMENT_BYTES)
    throw refuseFindings('these entitlements cannot be given', [
      finding('too_large', 'entitlements', `the statement would have ${bytes} bytes, more than ${limits.MAX_STATEMENT_BYTES}`),
    ]);
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

/**
 * Members whose entitlements contradict a policy: no statement about them could be signed any more.
 * @param bundle only those that have it
 */
export async function contradicted(
  db: Database,
  authorityId: string,
  policy: Readonly<Record<string, unknown>>,
  bundles: Bundles,
  bundle?: string,
): Promise<readonly Finding[]> {
  const judged = new Map<string, readonly Finding[]>();
  const findings: Finding[] = [];
  let more = 0;
  let cursor = '';
  for (let full = true; full; ) {
    const rows = await entitledAfter(db, authorityId, cursor, PAGE, bundle);
    full = rows.length === PAGE;
    cursor = rows.at(-1)?.entityId ?? cursor;
    for (const { entityId, intermediate, entitlements, bundles: named } of rows) {
      const key = `${intermediate} ${entitlements} ${named}`;
      const faults = judged.get(key) ?? judge(policy, { intermediate, entitlements, bundles: named }, bundles);
      if (judged.size < REMEMBERED) judged.set(key, faults);
      if (faults.length === 0) continue;
      if (findings.length < NAMED) findings.push(...faults.slice(0, 1).map((one) => ({ ...one, where: `${entityId} ${one.where}` })));
      else more++;
    }
  }
  const last = findings.at(-1);
  return more && last ? [...findings.slice(0, -1), { ...last, detail: `${last.detail}; and ${more} more members` }] : findings;
}

interface Cells {
  readonly intermediate: boolean;
  readonly entitlements: string | null;
  readonly bundles: string;
}

function judge(policy: Readonly<Record<string, unknown>>, { intermediate, entitlements, bundles }: Cells, known: Bundles): readonly Finding[] {
  let member: Entitled;
  try {
    member = { entitlements: entitlements === null ? null : JSON.parse(entitlements), bundles: JSON.parse(bundles) };
  } catch {
    return []; // a damaged cell: nothing is signed of that member in any case, and fsck names it
  }
  const rules = policyAbout(policy, { ...member, intermediate }, known);
  return rules.ok ? [] : rules.findings;
}
