import { and, asc, eq } from 'drizzle-orm';
import { calculateJwkThumbprint } from 'jose';
import {
  type Finding,
  finding,
  isEntityId,
  type JwkSet,
  parseEntityId,
  type UsableKeys,
  usableKeys,
  validateEntityConfiguration,
  verifyEntityStatement,
} from '../../federation/entry.js';
import { sameKey } from '../../federation/jwk-set.js';
import { publishedKeys } from '../../keys/life-cycle.js';
import { putPin } from '../../store/anchor-pins.js';
import { dropUnseen } from '../../store/crawls.js';
import { Overtaken, type Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { anchorPin, authority } from '../../store/schema.js';
import { allow, type Call, change, type Deployment } from '../call.js';
import { consequencesOf } from '../facts.js';
import { type Judged, keysLeftOut, type WithFindings } from '../judged.js';
import { expectNotCompromised, whileNotCompromised } from '../keys/not-compromised.js';
import { consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { trustsOthers } from '../deciding/widening.js';
import { thumbprintsOf } from '../members/key-binding.js';
import { givenKeys } from '../members/member-keys.js';
import { askedAt, expectNotCutSince } from '../overtaken.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { type AuthorityRow, authorityKeys, findAuthority } from '../registry.js';
import type { ComparedKeys, Questions } from '../explorer.js';
import { statementSource } from './statement-source.js';

export type AnchorRow = typeof anchorPin.$inferSelect;

export interface PinInput {
  readonly entityId: string;
  /** The anchor's keys, obtained out of band (OpenID Federation 1.0 §10): one of these; none for an authority of this deployment. */
  readonly jwks?: unknown;
  readonly pem?: string | undefined;
  /** RFC 7638 thumbprints confirmed through a second channel: the keys are fetched, and pinned only when they have exactly these. */
  readonly thumbprints?: readonly string[] | undefined;
  readonly note?: string | undefined;
}

async function localAuthority({ store: { db } }: Deployment, entityId: string): Promise<AuthorityRow | undefined> {
  const [row] = await db.select().from(authority).where(eq(authority.entityId, entityId)).limit(1);
  return row;
}

/** The keys of an authority of this deployment that others may verify with now. */
async function localKeys(deployment: Deployment, row: AuthorityRow): Promise<JwkSet> {
  return { keys: publishedKeys(await authorityKeys(deployment.store.db, row.id)) };
}

/** Trust Anchors an authority resolves under: itself, and the ones it has pinned. */
export async function anchorsOf(deployment: Deployment, row: AuthorityRow): Promise<Readonly<Record<string, JwkSet>>> {
  const pins = await deployment.store.db.select().from(anchorPin).where(eq(anchorPin.authorityId, row.id)).orderBy(asc(anchorPin.entityId));
  const anchors: [string, JwkSet][] = [[row.entityId, await localKeys(deployment, row)]];
  for (const pin of pins) {
    const own = pin.jwks === null ? await localAuthority(deployment, pin.entityId) : undefined;
    // An authority that is gone or halted vouches for nothing.
    if (pin.jwks !== null) anchors.push([pin.entityId, pin.jwks]);
    else if (own?.state === 'active') anchors.push([pin.entityId, await localKeys(deployment, own)]);
  }
  return Object.fromEntries(anchors);
}

/** Keys to pin, from what the operator gave. @throws Refusal invalid_request, findings */
async function keysToPin(call: Call, input: PinInput): Promise<(UsableKeys & { readonly told?: readonly Judged[] }) | null> {
  const given = [input.jwks, input.pem, input.thumbprints].filter((one) => one !== undefined).length;
  if (given > 1) throw new Refusal('invalid_request', 'give one of jwks, pem and thumbprints');
  if (input.thumbprints !== undefined) return fetchedKeys(call, input.entityId, input.thumbprints);
  if (given === 0) {
    if (await localAuthority(call, input.entityId)) return null;
    throw new Refusal('invalid_request', "an anchor's keys come from outside: give jwks, pem, or the thumbprints you compared through a second channel");
  }
  const keys = await givenKeys(input, call.now());
  if (!keys.ok) throw refuseFindings('these keys cannot be pinned', keys.findings);
  return keys.value;
}

async function fetchedKeys(call: Call, entityId: string, thumbprints: readonly string[]): Promise<UsableKeys> {
  const statement = await call.explorer.ask('configuration', { entityId, configuration: undefined });
  if (!statement.ok) throw refuseFindings('no valid configuration of the anchor could be read', statement.findings);
  const keys = usableKeys(statement.value.claims.jwks);
  if (!keys.ok) throw refuseFindings('these keys cannot be pinned', keys.findings);
  const { jwks } = keys.value;
  const served = await Promise.all(jwks.keys.map((key) => calculateJwkThumbprint(key as never)));
  const missing = thumbprints.filter((one) => !served.includes(one));
  const more = served.filter((one) => !thumbprints.includes(one));
  if (missing.length || more.length)
    throw refuseFindings('the keys served are not the ones you compared', [
      finding(
        'keys_differ',
        entityId,
        `${missing.length ? `not served: ${missing.join(', ')}` : ''}${missing.length && more.length ? '; ' : ''}${more.length ? `served and not named: ${more.join(', ')}` : ''}`,
      ),
    ]);
  return keys.value;
}

/**
 * Pin a Trust Anchor's keys; from then on its federation is resolved under it. Pinning again replaces the keys.
 * @throws Refusal invalid_request, findings
 */
export async function pinAnchor(call: Call<WithFindings<AnchorRow>>, slug: string, input: PinInput, said: Seen = {}): Promise<WithFindings<AnchorRow>> {
  allow(call, 'administer', slug);
  const id = parseEntityId(input.entityId, call);
  if (!id.ok) throw refuseFindings('the entity identifier is not valid', id.findings);
  const { id: authorityId, entityId: own } = await findAuthority(call.store.db, slug);
  if (input.entityId === own) throw new Refusal('invalid_request', 'an authority resolves under itself without being pinned');
  const asked = await askedAt(call.store.db, authorityId);
  const keys = await keysToPin(call, input);
  const jwks = keys?.jwks ?? null;
  const findings: readonly Judged[] = [...keysLeftOut(keys?.ignored ?? []), ...(keys?.told ?? [])];
  const thumbprints = await Promise.all((jwks?.keys ?? []).map((key) => calculateJwkThumbprint(key as never)));
  const seen = await findPin(call, authorityId, input.entityId);
  return change(call, {
    authorityId,
    scope: null,
    about: `anchor ${input.entityId}`,
    async decide() {
      const before = await findPin(call, authorityId, input.entityId);
      if (seen && !before) throw new Overtaken('it was unpinned meanwhile; look at it and decide again');
      await expectNotCompromised(call.store.db, thumbprints, 'it cannot be pinned');
      await expectNotCutSince(call.store.db, asked, [input.entityId]);
      const of = await findAuthority(call.store.db, slug);
      const agreed = await consent(call, trustsOthers(before?.jwks, jwks) ? of.quorum : 1, {
        kind: 'anchor',
        subjectId: input.entityId,
        authority: of,
        chain: authorityId,
        permission: 'administer',
        content: { entity_id: input.entityId, from: before ? await pinned(before.jwks) : null, to: await pinned(jwks) },
        request: { entityId: input.entityId, ...(jwks && { jwks }), ...(input.note !== undefined && { note: input.note }) },
        seen: said.digest,
        note: said.note,
      });
      if (agreed.held) return agreed.held;
      const row: AnchorRow = {
        authorityId,
        entityId: input.entityId,
        jwks,
        note: input.note ?? before?.note ?? null,
        createdBy: call.actor.id,
        createdAt: before?.createdAt ?? call.now(),
        checkedAt: null,
        problem: null,
      };
      const kids = jwks?.keys.map(({ kid }) => kid) ?? 'of this deployment';
      return {
        events: [{ type: before ? 'anchor.repinned' : 'anchor.pinned', subjectKind: 'anchor', subjectId: input.entityId, detail: { kids, ...agreed.detail } }],
        statements: [
          ...agreed.statements,
          ...whileNotCompromised(authorityId, thumbprints),
          putPin(row),
          ...(before && narrows(before.jwks, jwks) ? consequencesOf(authorityId, { fact: 'anchor narrowed', trustAnchor: input.entityId }, call.now()) : []),
          ...consequencesOf(authorityId, { fact: 'anchors changed' }, call.now(), call.dueAtOnce),
          // The authority itself is resolved under the new anchor too.
          ...consequencesOf(authorityId, { fact: 'members in force', entityIds: [own] }, call.now()),
        ],
        result: { ...row, findings },
      };
    },
  });
}

/** Keys that are pinned, as a decision is about them: by thumbprint. */
export const pinned = async (jwks: JwkSet | null): Promise<unknown> => (jwks === null ? 'of this deployment' : thumbprintsOf(jwks));

/** A key that was trusted before is trusted no more. Keys of an authority of ours (null) are read where they stand. */
const narrows = (before: JwkSet | null, after: JwkSet | null): boolean =>
  before === null || after === null ? before !== after : before.keys.some((key) => !after.keys.some((one) => one.kid === key.kid && sameKey(one, key)));

async function findPin({ store: { db } }: Deployment, authorityId: string, entityId: string): Promise<AnchorRow | undefined> {
  const [row] = await db
    .select()
    .from(anchorPin)
    .where(and(eq(anchorPin.authorityId, authorityId), eq(anchorPin.entityId, entityId)))
    .limit(1);
  return row;
}

export interface Unpinned {
  readonly unpinned: boolean;
}

/**
 * Trust an anchor no more: its snapshots and their answers go in the same commit. One that is not pinned is told in the chain
 * all the same, to whoever is about to pin it (overtaken.ts).
 * @throws Refusal not_found
 */
export async function unpinAnchor(asked: Call<Unpinned>, slug: string, entityId: string): Promise<Unpinned> {
  allow(asked, 'cut', slug);
  const { db } = asked.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const { idempotency, ...plain } = asked;
  // The answer to keep is that of an anchor that was unpinned; a refusal is none.
  const call: Call<Unpinned> = idempotency && (await findPin(asked, authorityId, entityId)) ? asked : plain;
  const done = await change<Unpinned>(call, {
    authorityId,
    scope: null,
    about: `anchor ${entityId}`,
    urgent: true,
    async decide() {
      if (!(await findPin(call, authorityId, entityId))) {
        if (!isEntityId(entityId, call)) throw notPinned();
        const again: NewEvent = { type: 'anchor.unpinned', subjectKind: 'anchor', subjectId: entityId, detail: { already: true } };
        return { events: [again], statements: [], result: { unpinned: false } };
      }
      return {
        events: [{ type: 'anchor.unpinned', subjectKind: 'anchor', subjectId: entityId }],
        statements: [
          db.delete(anchorPin).where(and(eq(anchorPin.authorityId, authorityId), eq(anchorPin.entityId, entityId))),
          ...forgetAnchor(authorityId, entityId, call.now()),
          ...consequencesOf(authorityId, { fact: 'anchors changed' }, call.now(), call.dueAtOnce),
        ],
        result: { unpinned: true },
      };
    },
  });
  if (!done.unpinned) throw notPinned();
  return done;
}

const notPinned = () => new Refusal('not_found', 'this anchor is not pinned');

/** Without its snapshot no answer is found, so the answers themselves can be swept up by the evaluations that follow. */
const forgetAnchor = (authorityId: string, entityId: string, now: number): readonly Statement[] => [
  ...consequencesOf(authorityId, { fact: 'anchor narrowed', trustAnchor: entityId }, now),
  dropUnseen(authorityId),
];

export async function listAnchors(call: Call, slug: string): Promise<readonly AnchorRow[]> {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return call.store.db.select().from(anchorPin).where(eq(anchorPin.authorityId, id)).orderBy(asc(anchorPin.entityId));
}

export interface AnchorCheck extends ComparedKeys {
  readonly entityId: string;
}

/**
 * Compare the pinned keys with the ones the anchor serves now (§11.2, §11.3). A configuration that no pinned key has
 * signed is an alarm, which the audit trail keeps; keys that came beside the pinned ones are how a rollover begins.
 * @throws Refusal not_found; version_conflict when other keys were pinned meanwhile
 */
export async function checkAnchor(call: Call<AnchorCheck>, slug: string, entityId: string): Promise<AnchorCheck> {
  allow(call, 'probe', slug);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const pin = await findPin(call, authorityId, entityId);
  if (!pin) throw new Refusal('not_found', 'this anchor is not pinned');
  const { jwks } = pin;
  const check = jwks === null ? { findings: [], added: [], removed: [] } : await call.explorer.ask('compareKeys', { entityId, pinned: jwks });
  const problem = check.findings[0]?.detail ?? null;
  const noted = (row: Partial<AnchorRow>) =>
    db
      .update(anchorPin)
      .set({ checkedAt: call.now(), ...row })
      .where(and(eq(anchorPin.authorityId, authorityId), eq(anchorPin.entityId, entityId)));
  // A look that ends as the one before is no news: the text of a problem may change with every look, and strangers write it.
  if ((problem === null) === (pin.problem === null)) await call.store.write([noted({ problem })]);
  else
    await change<AnchorCheck>(call, {
      authorityId,
      scope: null,
      about: `anchor ${entityId}`,
      async decide() {
        const before = await findPin(call, authorityId, entityId);
        if (!before || JSON.stringify(before.jwks) !== JSON.stringify(jwks)) throw new Overtaken('other keys of it were pinned meanwhile; check it again');
        const [type, said] = problem === null ? ['anchor.problem_cleared', before.problem] : ['anchor.problem_raised', problem];
        const known = (before.problem === null) === (problem === null);
        return {
          events: known ? [] : [{ type, subjectKind: 'anchor', subjectId: entityId, detail: { problem: said?.slice(0, 300) ?? null } }],
          statements: [noted({ problem })],
          result: { entityId, ...check },
        };
      },
    });
  return { entityId, ...check };
}

/** The keys an anchor serves, against those pinned; a finding unless one of them and a pinned key has signed them. */
export async function compareKeys(deployment: Deployment, { entityId, pinned }: Questions['compareKeys']['asked']): Promise<ComparedKeys> {
  const failed = (findings: readonly Finding[]) => ({ findings, added: [], removed: [] });
  const compact = await statementSource(deployment).configuration(entityId);
  if (!compact.ok) return failed(compact.findings);
  // Keys in a configuration that is not signed by one of them are nobody's word about the anchor's keys.
  const statement = await validateEntityConfiguration(compact.value, { now: deployment.now(), subject: entityId, development: deployment.development });
  if (!statement.ok) return failed(statement.findings);
  const usable = usableKeys(statement.value.claims.jwks);
  const served = usable.ok ? usable.value.jwks : statement.value.claims.jwks;
  const has = (set: JwkSet, key: JwkSet['keys'][number]) => set.keys.some((one) => one.kid === key.kid && sameKey(one, key));
  const added = served.keys.filter((key) => !has(pinned, key)).map(({ kid }) => kid);
  const removed = pinned.keys.filter((key) => !has(served, key)).map(({ kid }) => kid);
  const signed = await verifyEntityStatement(statement.value, pinned);
  return { findings: signed.ok ? [] : signed.findings, added, removed };
}
