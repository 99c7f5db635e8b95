import { type Finding, finding, namespacesOverlap } from '../../federation/entry.js';
import { quote } from '../../federation/finding.js';
import type { Database, Statement } from '../../store/database.js';
import { inLot, readByList } from '../../store/lots.js';
import { member } from '../../store/schema.js';
import { namedAsIssuer, takenBy, whileNamespacesFree } from '../../store/vouched-issuers.js';
import { refuseFindings } from '../refusal.js';
import type { MemberRow } from '../registry.js';

const bare = (issuer: string): string => issuer.replace(/\/$/, '');

/** Of two members that were decided together, the later one. */
const clashes = (row: MemberRow, other: MemberRow): boolean =>
  other.id !== row.id &&
  row.vouchedIssuers.some((one) =>
    other.vouchedIssuers.some(
      (their) =>
        bare(one.issuer) === bare(their.issuer) ||
        (one.kind === their.kind && one.namespaces.some((mine) => their.namespaces.some((space) => namespacesOverlap(mine, space)))),
    ),
  );

const taken = (entityId: string, issuer: string): Finding =>
  finding(
    'namespace_taken',
    'vouched_issuers',
    `${entityId} stands for the issuer ${quote(issuer)}, which may speak for some of these names, or is one of these issuers`,
  );

const named = (entityId: string): Finding => ({
  ...finding('namespace_taken', 'vouched_issuers', `the issuer ${quote(entityId)} is a member itself, of another organization`),
  fix: 'Vouch for that issuer with the member that it is: holdfast issuer add.',
});
const namesOf = ({ vouchedIssuers, entityId }: MemberRow): readonly string[] =>
  vouchedIssuers.filter(({ issuer }) => issuer !== entityId).map(({ issuer }) => bare(issuer));

/**
 * Of a name one member alone may speak, whatever its state is until it ends: whoever asks who may is to get one answer.
 * @param decided those that are written in the same commit; grows
 * @returns what the commit asks again
 * @throws Refusal findings
 */
export async function expectNamespacesFree(db: Database, row: MemberRow, decided: MemberRow[] = []): Promise<Statement> {
  const others = await takenBy(db, row);
  const names = await readByList([...new Set(others.map(({ memberId }) => memberId))], (lot) =>
    db.select({ id: member.id, entityId: member.entityId }).from(member).where(inLot(member.id, lot)),
  );
  const nameOf = new Map(names.map(({ id, entityId }) => [id, entityId]));
  const findings = [
    ...(await namedAsIssuer(db, row)).map(({ issuer }) => named(issuer)),
    ...decided
      .filter((other) => other.organizationId !== row.organizationId && namesOf(row).includes(bare(other.entityId)))
      .map(({ entityId }) => named(entityId)),
    ...others.map(({ memberId, issuer }) => taken(nameOf.get(memberId) ?? memberId, issuer)),
    ...decided.filter((other) => clashes(row, other)).map(({ entityId, vouchedIssuers }) => taken(entityId, vouchedIssuers[0]?.issuer ?? '')),
  ];
  if (findings.length) throw refuseFindings('somebody else may speak for these names', findings);
  decided.push(row);
  return whileNamespacesFree(row);
}
