import { type AuditJwks, digestOf, signCheckpoint } from '../../src/audit/checkpoint.js';
import { EMPTY_HASH } from '../../src/audit/event-hash.js';
import { type AuditOptions, type AuditResult, auditVerifier } from '../../src/audit/verify.js';
import { eventLine } from '../../src/audit/export-lines.js';
import { chainEvents, EMPTY_HEAD, type NewRow } from '../../src/store/event.js';
import { NOW } from './chain.js';
import { type TestKey, testKey } from './keys.js';

export const ISSUER = 'https://anchor.example.org';

/** A history of some events, the words of some of them private. */
export const history = (count: number, chain = 'aut_x', said = 'late fee'): readonly NewRow[] =>
  chainEvents(
    chain,
    EMPTY_HEAD,
    NOW,
    { id: 'api_1', kind: 'api_key' },
    Array.from({ length: count }, (_, n) => ({
      type: 'member.suspended',
      subjectKind: 'member' as const,
      subjectId: `mem_${n}`,
      detail: { entity_id: `https://${n}.example.org` },
      ...(n % 2 === 0 && { reason: `${said} ${n}` }),
    })),
  ).rows;

export async function checkpointOf(rows: readonly NewRow[], seq: number, key: TestKey, { prev = null as string | null, iss = ISSUER, iat = NOW } = {}) {
  const head = rows[seq - 1]?.row.hash ?? '';
  return signCheckpoint({ iss, seq, head, prev_checkpoint: prev, iat }, key);
}

/** A series about every `every` events. */
export async function series(rows: readonly NewRow[], every: number, key: TestKey): Promise<readonly string[]> {
  const all: string[] = [];
  for (let seq = every; seq <= rows.length; seq += every) {
    const before = all.at(-1);
    all.push(await checkpointOf(rows, seq, key, { prev: before === undefined ? null : digestOf(before), iat: NOW + seq }));
  }
  return all;
}

export const jwksOf = (...keys: readonly TestKey[]): AuditJwks => ({ keys: keys.map(({ jwk }) => jwk) });

/** Lines of an export, closed with the right digest whatever stands in them: who forges can compute one too. */
export function exportOf(
  rows: readonly NewRow[],
  checkpoints: readonly string[],
  jwks: AuditJwks,
  { header = {}, withPrivate = true }: { readonly header?: object; readonly withPrivate?: boolean } = {},
): string[] {
  const first = {
    holdfast_audit_export: 1,
    chain: 'aut_x',
    entity_id: ISSUER,
    made_at: NOW + 10_000,
    from: 1,
    to: null,
    prev_hash: EMPTY_HASH,
    private: withPrivate,
    audit_jwks: { [ISSUER]: jwks },
    ...header,
  };
  const about = (jws: string) => JSON.parse(atob((jws.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))).seq as number;
  const events = rows.flatMap(({ row, sealed }) => [
    JSON.stringify(eventLine(row, withPrivate ? sealed : undefined)),
    ...checkpoints.filter((one) => about(one) === row.seq).map((checkpoint) => JSON.stringify({ checkpoint })),
  ]);
  const beyond = checkpoints.filter((one) => about(one) > (rows.at(-1)?.row.seq ?? 0)).map((checkpoint) => JSON.stringify({ checkpoint }));
  return closed([JSON.stringify(first), ...events, ...beyond]);
}

/** Close lines anew. */
export function closed(lines: readonly string[]): string[] {
  const events = lines.map((text) => JSON.parse(text)).filter((one) => 'event' in one);
  const last = events.reduce((a, b) => (b.event.seq > a.event.seq ? b : a), events[0]);
  const end = { seq: last.event.seq, head: last.event.hash, events: events.length, sha256: digestOf(lines.map((text) => `${text}\n`).join('')) };
  return [...lines, JSON.stringify({ end })];
}

export async function verified(lines: readonly string[], options: AuditOptions = {}): Promise<AuditResult> {
  const verifier = auditVerifier(options);
  for (const line of lines) await verifier.line(line);
  return verifier.end();
}

export const auditKeys = () => Promise.all([testKey(), testKey()]);
