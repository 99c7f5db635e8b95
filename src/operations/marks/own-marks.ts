import { and, eq, isNull, lt, lte, or } from 'drizzle-orm';
import { type Finding, finding, mediaTypes, parseJws, type Result, validateEntityConfiguration, verifyJws } from '../../federation/entry.js';
import { putArtefacts } from '../../store/bulk.js';
import { pastHalf, putOwnMark } from '../../store/own-marks.js';
import { artefact, authority, ownTrustMark } from '../../store/schema.js';
import { whyWithheld } from '../../store/withheld.js';
import { allow, type Call, change, type Deployment, systemCall } from '../call.js';
import type { Questions, ReadMark } from '../explorer.js';
import { issuerOf, ownMarks, type OwnMarkRow, published, signedConfiguration } from '../artefacts/publish.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { type AuthorityRow, findAuthority } from '../registry.js';
import { statementSource } from '../resolving/statement-source.js';

/** How often an issuer is asked whether a mark still stands (seconds). */
const CHECK_EVERY = 6 * 60 * 60;
/**
 * What an issuer gives for a shorter time than twice this (seconds) is not shown all the time: how often it makes us sign, and
 * write events, is not its to say.
 */
const FRESH_EVERY = 30 * 60;

/** A mark about us, verified with the keys its issuer publishes; whether a Trust Anchor accepts the issuer is for the readers of our configuration. */
export async function readMark(deployment: Deployment, { subject, mark }: Questions['mark']['asked']): Promise<Result<ReadMark>> {
  const jws = parseJws(mark, 'trust-mark+jwt');
  if (!jws.ok) return jws;
  const { iss, sub, trust_mark_type: type, exp } = jws.value.claims;
  const no = (one: Finding) => ({ ok: false, findings: [one] }) as const;
  if (sub !== subject) return no(finding('trust_mark_subject', 'sub', `it was issued to ${String(sub).slice(0, 200)}`));
  if (typeof iss !== 'string' || typeof type !== 'string') return no(finding('claim_missing', 'iss', 'a mark names its issuer and its type'));
  if (exp !== undefined && (typeof exp !== 'number' || exp <= deployment.now())) return no(finding('expired', 'exp', 'it has ended'));
  const configuration = await statementSource(deployment).configuration(iss);
  if (!configuration.ok) return configuration;
  const issuer = await validateEntityConfiguration(configuration.value, { now: deployment.now(), subject: iss, development: deployment.development });
  if (!issuer.ok) return issuer;
  const key = await verifyJws(jws.value, issuer.value.claims.jwks);
  return key.ok ? { ok: true, value: { iss, type, exp: typeof exp === 'number' ? exp : null } } : key;
}

/** Write the marks an authority shows, and sign its configuration with them. */
function rewrite<T>(
  call: Call<T>,
  slug: string,
  id: string,
  decide: (marks: readonly OwnMarkRow[]) => { event: string; detail: Record<string, unknown>; put?: OwnMarkRow; drop?: OwnMarkRow; result: T },
) {
  const { db } = call.store;
  return change<T>(call, {
    authorityId: id,
    scope: null,
    async decide() {
      const before = await ownMarks(call, id);
      const { event, detail, put, drop, result } = decide(before);
      const same = (a: OwnMarkRow, b: OwnMarkRow | undefined) => a.trustMarkType === b?.trustMarkType && a.iss === b.iss;
      const after = [...before.filter((one) => !same(one, put) && !same(one, drop)), ...(put ? [put] : [])];
      const configuration = await signedConfiguration(call, await issuerOf(call, await findAuthority(db, slug)), after);
      return {
        events: [{ type: event, subjectKind: 'trust_mark', subjectId: (put ?? drop)?.trustMarkType ?? '', detail, artefacts: published([configuration]) }],
        statements: [
          ...(put ? [putOwnMark(put)] : []),
          ...(drop
            ? [
                db
                  .delete(ownTrustMark)
                  .where(and(eq(ownTrustMark.authorityId, id), eq(ownTrustMark.trustMarkType, drop.trustMarkType), eq(ownTrustMark.iss, drop.iss))),
              ]
            : []),
          ...putArtefacts([configuration]),
        ],
        result,
      };
    },
  });
}

/**
 * Show a mark that another entity issued to this authority in its Entity Configuration (OpenID Federation 1.0 §3.1.2).
 * From then on it is refreshed from the issuer ahead of its end and taken out when it was withdrawn.
 * @throws Refusal findings
 */
export async function showOwnMark(call: Call<OwnMarkRow>, slug: string, compact: string): Promise<OwnMarkRow> {
  allow(call, 'administer', slug);
  const row = await findAuthority(call.store.db, slug);
  const mark = await call.explorer.ask('mark', { subject: row.entityId, mark: compact });
  if (!mark.ok) throw refuseFindings('this mark is not shown', mark.findings);
  const { iss, type, exp } = mark.value;
  const put: OwnMarkRow = { authorityId: row.id, trustMarkType: type, iss, bytes: compact, exp, checkedAt: call.now(), problem: null };
  return rewrite(call, slug, row.id, () => ({ event: 'own_trust_mark.shown', detail: { iss, exp }, put, result: put }));
}

/** Take a mark of others out of the configuration. @throws Refusal not_found */
export async function hideOwnMark(call: Call<void>, slug: string, type: string, iss: string | undefined): Promise<void> {
  allow(call, 'administer', slug);
  const row = await findAuthority(call.store.db, slug);
  await rewrite(call, slug, row.id, (marks) => {
    const drop = marks.find((one) => one.trustMarkType === type && (iss === undefined || one.iss === iss));
    if (!drop) throw new Refusal('not_found', 'the configuration shows no such mark');
    return { event: 'own_trust_mark.hidden', detail: { iss: drop.iss }, drop, result: undefined };
  });
}

export async function listOwnMarks(call: Call, slug: string): Promise<readonly OwnMarkRow[]> {
  allow(call, 'read', slug);
  return call.store.db
    .select()
    .from(ownTrustMark)
    .where(eq(ownTrustMark.authorityId, (await findAuthority(call.store.db, slug)).id));
}

/**
 * Look after the marks our configurations show: a fresh one is fetched when half of the last one's life is over, one that
 * ended goes. An issuer that says 404 no longer marks us: the mark goes at once; one that cannot be reached changes nothing.
 */
export async function refreshOwnMarks(deployment: Deployment, limit = 10): Promise<number> {
  const { db } = deployment.store;
  const now = deployment.now();
  const due = await db
    .select({ mark: ownTrustMark, row: authority })
    .from(ownTrustMark)
    .innerJoin(authority, eq(authority.id, ownTrustMark.authorityId))
    .where(
      and(
        eq(authority.state, 'active'),
        lte(ownTrustMark.checkedAt, now - FRESH_EVERY),
        or(lt(ownTrustMark.checkedAt, now - CHECK_EVERY), lt(ownTrustMark.exp, now), and(isNull(ownTrustMark.problem), pastHalf(now))),
      ),
    )
    .limit(limit);
  if (due.length === 0 || !(await deployment.turns.claim(deployment, 'discovery'))) return 0;
  for (const { mark, row } of due) await refresh(systemCall(deployment), row, mark);
  return due.length;
}

/** Noted before an issuer is asked: one whose answer stops us is not asked again at once. */
const ASKED = 'the issuer was asked, and reading its answer came to no end';

async function refresh(call: Call<unknown>, row: AuthorityRow, mark: OwnMarkRow): Promise<void> {
  const now = call.now();
  const ended = mark.exp !== null && mark.exp <= now;
  const drop = (why: string) =>
    rewrite(call, row.slug, row.id, () => ({ event: 'own_trust_mark.dropped', detail: { iss: mark.iss, why }, drop: mark, result: undefined }));
  const noted = (problem: string | null) =>
    call.store.db
      .update(ownTrustMark)
      .set({ checkedAt: now, problem })
      .where(and(eq(ownTrustMark.authorityId, row.id), eq(ownTrustMark.trustMarkType, mark.trustMarkType), eq(ownTrustMark.iss, mark.iss)));
  /** A look that ends as the one before is no news. One with a problem comes once in `CHECK_EVERY`, so events are few whatever the issuer does. */
  const note = (problem: string | null) =>
    mark.problem !== ASKED && (problem === null) === (mark.problem === null)
      ? call.store.write([noted(problem)])
      : change<void>(call, {
          authorityId: row.id,
          scope: null,
          decide: async () => ({
            events: [
              {
                type: problem === null ? 'own_trust_mark.confirmed' : 'own_trust_mark.not_confirmed',
                subjectKind: 'trust_mark',
                subjectId: mark.trustMarkType,
                detail: { iss: mark.iss, ...(problem !== null && { problem: problem.slice(0, 300) }) },
              },
            ],
            statements: [noted(problem)],
            result: undefined,
          }),
        });
  if (ended && mark.problem === ASKED) return void (await drop('it ended'));
  await call.store.write([noted(ASKED)]);
  const fresh = await fetchMark(call, row, mark);
  const gone = !fresh.ok && fresh.findings.some(({ code, transient, detail }) => code === 'status_unexpected' && !transient && detail.includes('404'));
  if (gone) return void (await drop('the issuer has no such mark for us any more'));
  if (!fresh.ok && ended) return void (await drop('it ended'));
  if (!fresh.ok || fresh.value.bytes === mark.bytes) return note(fresh.ok ? null : (fresh.findings[0]?.detail ?? 'not reached'));
  const put: OwnMarkRow = { ...mark, bytes: fresh.value.bytes, exp: fresh.value.exp, checkedAt: now, problem: null };
  await rewrite(call, row.slug, row.id, () => ({ event: 'own_trust_mark.refreshed', detail: { iss: mark.iss, exp: put.exp }, put, result: undefined }));
}

/** Ask the issuer for the mark it has for us now (§8.6); an issuer of this deployment is read from the store. */
async function fetchMark(call: Call, row: AuthorityRow, mark: OwnMarkRow): Promise<Result<{ readonly bytes: string; readonly exp: number | null }>> {
  const { db } = call.store;
  const [own] = await db
    .select({ bytes: artefact.bytes })
    .from(artefact)
    .innerJoin(authority, eq(authority.id, artefact.authorityId))
    .where(
      and(
        eq(authority.entityId, mark.iss),
        eq(authority.state, 'active'),
        eq(artefact.kind, 'mark'),
        eq(artefact.key, `${mark.trustMarkType}\n${row.entityId}`),
        isNull(whyWithheld),
      ),
    )
    .limit(1);
  let bytes = own?.bytes;
  if (bytes === undefined) {
    const configuration = await statementSource(call).configuration(mark.iss);
    if (!configuration.ok) return configuration;
    const issuer = await validateEntityConfiguration(configuration.value, { now: call.now(), subject: mark.iss, development: call.development });
    if (!issuer.ok) return issuer;
    const endpoint = issuer.value.claims.metadata?.['federation_entity']?.['federation_trust_mark_endpoint'];
    if (typeof endpoint !== 'string') return { ok: false, findings: [finding('endpoint_missing', mark.iss, 'it publishes no trust mark endpoint')] };
    const query = new URLSearchParams({ trust_mark_type: mark.trustMarkType, sub: row.entityId });
    const reply = await call.outbound.get({ url: `${endpoint}${endpoint.includes('?') ? '&' : '?'}${query}`, mediaType: mediaTypes.TRUST_MARK });
    if (!reply.ok) return reply;
    bytes = reply.value.body.trim();
  }
  const read = await readMark(call, { subject: row.entityId, mark: bytes });
  return read.ok ? { ok: true, value: { bytes, exp: read.value.exp } } : read;
}
