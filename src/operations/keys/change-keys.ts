import { and, eq, inArray } from 'drizzle-orm';
import type { NewKey } from '../../keys/custody.js';
import { insertRows, putArtefacts } from '../../store/bulk.js';
import type { EventsOf, Watch } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import type { ReasonCode } from '../../audit/reason-codes.js';
import type { NewEvent } from '../../store/event.js';
import { isPublished } from '../../keys/life-cycle.js';
import { unseenUntil } from '../../store/signed-until.js';
import { consequencesOf } from '../facts.js';
import { artefact, authority, authorityKey } from '../../store/schema.js';
import { signedLastKeys } from '../artefacts/last-keys.js';
import { issuerOf, published, signedConfiguration, signedHistoricalKeys } from '../artefacts/publish.js';
import { type Call, change } from '../call.js';
import { generationOf, nextGeneration, resignJob } from '../jobs/jobs.js';
import { Refusal } from '../refusal.js';
import { type AuthorityKeyRow, type AuthorityRow, authorityKeys, findAuthority } from '../registry.js';

/** What else a change of keys brings about, wherever the keys stand in this deployment. */
export interface Consequences {
  readonly events: readonly NewEvent[];
  readonly elsewhere: readonly EventsOf[];
  readonly statements: readonly Statement[];
  /** Further claims that the configuration says from the change on; undefined: those of before. */
  readonly claims?: AuthorityRow['claims'] | undefined;
}

/** One change of the key set: which rows become what, and whether every artefact has to be signed anew. */
export interface KeyChange {
  readonly keys: readonly AuthorityKeyRow[];
  readonly key: AuthorityKeyRow;
  readonly event: string;
  /** In somebody's own words. */
  readonly reason?: string | undefined;
  readonly reasonCode?: ReasonCode | undefined;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly resign?: boolean;
  /** What this key signed is not served from the commit on. Such a change needs no signature. */
  readonly withheld?: string | undefined;
  readonly consequences?: Consequences | undefined;
  /** What is answered; the key when absent. It is what a repeated request gets, so it is complete here. */
  readonly result?: AuthorityKeyRow;
}

/** Every change of keys: rows, configuration, historical keys and, when the signer changed, a re-signing; one commit. */
export function changeKeys(
  call: Call<AuthorityKeyRow>,
  slug: string,
  authorityId: string,
  decide: (keys: readonly AuthorityKeyRow[], row: AuthorityRow, watch: Watch) => Promise<KeyChange | AuthorityKeyRow>,
  urgent = false,
): Promise<AuthorityKeyRow> {
  const { db } = call.store;
  return change(call, {
    authorityId,
    scope: null,
    urgent,
    async decide(watch) {
      const row = await findAuthority(db, slug);
      const before = await authorityKeys(db, authorityId);
      const decided = await decide(before, row, watch);
      if (!('keys' in decided)) return { events: [], statements: [], result: decided };
      const { keys, key, event, reason, reasonCode, detail, resign, withheld, consequences, result = key } = decided;
      const ended = row.state === 'retired';
      const after = rowAfter(row, decided, call.now());
      const sign = async () => {
        if (ended) return toSome(await signedLastKeys(call, row, keys));
        const issuer = await issuerOf(call, after, { keys });
        return [await signedConfiguration(call, issuer), await signedHistoricalKeys(call, issuer)];
      };
      // A cut never waits for a signature: what cannot be signed now is withheld and due.
      const artefacts = await (withheld === undefined && !ended ? sign() : sign().catch(() => undefined));
      const job = resign && !ended ? await resignJob(call, after, event, 'all', withheld) : undefined;
      return {
        events: [
          {
            type: event,
            subjectKind: 'key',
            subjectId: key.kid,
            reason,
            reasonCode,
            detail: { state: key.state, alg: key.alg, generation: after.generation, ...(!artefacts?.length && { unsigned: true }), ...detail },
            artefacts: published(artefacts ?? []),
          },
          ...(consequences?.events ?? []),
        ],
        elsewhere: consequences?.elsewhere ?? [],
        statements: [
          ...savedKeys(call, before, keys),
          ...(resign && !ended ? [db.update(authority).set(raised(after, withheld)).where(eq(authority.id, authorityId))] : []),
          ...(job?.statements ?? []),
          ...(ended && withheld !== undefined ? [dropHead(call, authorityId, withheld)] : []),
          ...(withheld === undefined ? [] : consequencesOf(authorityId, { fact: 'key revoked' }, call.now(), call.dueAtOnce)),
          ...(consequences?.statements ?? []),
          ...(artefacts?.length ? putArtefacts(artefacts) : [artefacts ? dropKeys(call, authorityId) : withholdOwn(call, authorityId)]),
        ],
        result,
      };
    },
  });
}

/** What the authority is made of after the change: its generation, and what its configuration says. */
function rowAfter(row: AuthorityRow, { resign, consequences }: KeyChange, now: number): AuthorityRow {
  const said = consequences?.claims ? { ...row, claims: consequences.claims } : row;
  return resign && row.state !== 'retired' ? nextGeneration(said, now) : said;
}

/** What of the row is written. From then on no look-up takes what a revoked key signed (store/withheld.ts). */
const raised = (after: AuthorityRow, withheld: string | undefined) => ({
  ...generationOf(after),
  ...(withheld !== undefined && { keysFrom: after.generation }),
});

const toSome = <T>(one: T | undefined): readonly T[] => (one === undefined ? [] : [one]);

/** The configuration and the historical keys say what is true no more. */
const withholdOwn = ({ store: { db }, now }: Call, authorityId: string): Statement =>
  db
    .update(artefact)
    .set({ withheld: 'key_revoked', renewAt: now(), leaseUntil: 0 })
    .where(and(eq(artefact.authorityId, authorityId), inArray(artefact.kind, ['entity_configuration', 'historical_keys'])));

/** Of a retired authority no key is left that could sign its historical keys: they are served no more. */
export const dropKeys = ({ store: { db } }: Pick<Call, 'store'>, authorityId: string): Statement =>
  db.delete(artefact).where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'historical_keys')));

/** The head of a retired authority that a key signed which counts no more; another one is signed where a key is left. */
const dropHead = ({ store: { db } }: Call, authorityId: string, kid: string): Statement =>
  db.delete(artefact).where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'head'), eq(artefact.kid, kid)));

/** Key rows as they are after a change, with what the configuration shows from it on; goes before that is put. */
export const savedKeys = (call: Call, before: readonly AuthorityKeyRow[], after: readonly AuthorityKeyRow[]): readonly Statement[] => [
  ...saveKeys(call, before, after),
  ...newlyPublished(before, after),
];

function saveKeys({ store: { db } }: Call, before: readonly AuthorityKeyRow[], after: readonly AuthorityKeyRow[]): readonly Statement[] {
  return after.flatMap((row): readonly Statement[] => {
    const old = before.find(({ id }) => id === row.id);
    if (!old) return [insertRows(authorityKey, [row])];
    if (old === row) return [];
    // What signing raises is not ours to write: it may have risen since the row was read.
    const { id, signedUntil: _, unseenUntil: __, ...columns } = row;
    // Nor what stays: a damaged cell stops no revocation.
    const changed = Object.fromEntries(Object.entries(columns).filter(([name, value]) => value !== old[name as keyof AuthorityKeyRow]));
    return Object.keys(changed).length === 0 ? [] : [db.update(authorityKey).set(changed).where(eq(authorityKey.id, id))];
  });
}

/** Keys that the configuration shows from this change on. */
const newlyPublished = (before: readonly AuthorityKeyRow[], after: readonly AuthorityKeyRow[]): readonly Statement[] =>
  after.filter((key) => isPublished(key) && !before.some((old) => old.id === key.id && isPublished(old))).map(({ id }) => unseenUntil(id));

export const newRow = (id: string, authorityId: string, key: NewKey, now: number, staged: boolean): AuthorityKeyRow => ({
  id,
  authorityId,
  ...key,
  state: staged ? 'staged' : 'created',
  createdAt: now,
  stagedAt: staged ? now : null,
  activeAt: null,
  retiringAt: null,
  endedAt: null,
  revokedReason: null,
  superiorReadyAt: null,
  signedUntil: null,
  unseenUntil: null,
});

export const swap = (keys: readonly AuthorityKeyRow[], ...changed: readonly AuthorityKeyRow[]): readonly AuthorityKeyRow[] => [
  ...keys.map((one) => changed.find(({ id }) => id === one.id) ?? one),
  ...changed.filter(({ id }) => !keys.some((one) => one.id === id)),
];

export function pick(keys: readonly AuthorityKeyRow[], kid: string): AuthorityKeyRow {
  const key = keys.find((one) => one.kid === kid);
  if (!key) throw new Refusal('not_found', 'this authority has no such key');
  return key;
}
