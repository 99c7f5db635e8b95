import { and, asc, count, eq, gt, isNull } from 'drizzle-orm';
import { isTrustMarkType, parseTrustMarkDelegation } from '../../federation/entry.js';
import { insertRows } from '../../store/bulk.js';
import { nextVersion } from '../../store/conditions.js';
import type { NewEvent } from '../../store/event.js';
import { giveUpPlacesOf } from '../../store/mark-places.js';
import { trustMark, trustMarkGrant, trustMarkType } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { expectSoundDelegation } from '../keys/void-delegations.js';
import { withdrawMarks } from './cut-marks.js';
import { moveEnd } from '../members/move-end.js';
import type { MarkTypeRow } from './issue-mark.js';
import { consent } from '../deciding/consent.js';
import { markTypeWidened } from '../deciding/widening.js';
import { resumeConsent, type Seen } from '../deciding/resume-consent.js';
import { outstandingOfType } from '../halts/outstanding.js';
import { actOf, type CutBy } from '../halts/why.js';
import { askedAt, expectNotCutSince } from '../overtaken.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { expectNotOvertaken, expectVersion, findAuthority } from '../registry.js';
import { readUrl } from '../../federation/read-url.js';

export interface MarkTypeInput {
  readonly logoUri?: string | null | undefined;
  readonly ref?: string | null | undefined;
  /** Seconds a mark is valid, renewed ahead of its end; null: marks carry no `exp`, for authorizations that have no end. */
  readonly lifetime?: number | null | undefined;
  /** The owner's delegation to us, a compact JWT, when the type is owned by another entity (OpenID Federation 1.0 §7.2). */
  readonly delegation?: string | null | undefined;
}

export const DEFAULT_MARK_LIFETIME = 30 * 24 * 60 * 60;
const MIN_LIFETIME = 60 * 60;
const MAX_LIFETIME = 366 * 24 * 60 * 60;

export async function findMarkType(call: Pick<Call, 'store'>, authorityId: string, type: string): Promise<MarkTypeRow> {
  const [row] = await call.store.db
    .select()
    .from(trustMarkType)
    .where(and(eq(trustMarkType.authorityId, authorityId), eq(trustMarkType.trustMarkType, type)))
    .limit(1);
  if (!row) throw new Refusal('not_found', 'this authority does not issue that trust mark type; see: holdfast mark type list');
  return row;
}

const isWebUrl = (text: string): boolean => /^https?:\/\//.test(text) && readUrl(text) !== undefined && text.length <= 2048;

/** An owner's time may have a fraction (RFC 7519 §2); marks that rest on the delegation end at the whole second before. */
const endOf = ({ exp }: { readonly exp?: number }): number | null => (exp === undefined ? null : Math.floor(exp));

/** What may be set of a type, checked. @throws Refusal invalid_request, findings */
function settings(call: Call, issuer: string, type: string, input: MarkTypeInput): Partial<MarkTypeRow> {
  const { logoUri, ref, lifetime, delegation } = input;
  if (typeof lifetime === 'number' && (lifetime < MIN_LIFETIME || lifetime > MAX_LIFETIME))
    throw new Refusal('invalid_request', `a lifetime is ${MIN_LIFETIME} to ${MAX_LIFETIME} seconds, or null for marks without end`);
  for (const [name, url] of [
    ['logo_uri', logoUri],
    ['ref', ref],
  ] as const)
    if (typeof url === 'string' && !isWebUrl(url)) throw new Refusal('invalid_request', `${name} is no http(s) URL`);
  const read = typeof delegation === 'string' ? parseTrustMarkDelegation(delegation, { now: call.now(), issuer, type }) : undefined;
  if (read && !read.ok) throw refuseFindings('this delegation does not let us issue the type', read.findings);
  return {
    ...(logoUri !== undefined && { logoUri }),
    ...(ref !== undefined && { ref }),
    ...(lifetime !== undefined && { lifetime: lifetime ?? 0 }),
    ...(delegation !== undefined && { delegation, delegationExp: read?.ok ? endOf(read.value.claims) : null }),
  };
}

/** Begin to issue a type of Trust Mark (§7). @throws Refusal already_exists, invalid_request, findings */
export async function createMarkType(call: Call<MarkTypeRow>, slug: string, type: string, input: MarkTypeInput): Promise<MarkTypeRow> {
  allow(call, 'administer', slug);
  if (!isTrustMarkType(type)) throw new Refusal('invalid_request', 'a trust mark type is a URL, so that it collides with nobody else’s (§7.1)');
  const { id: authorityId, entityId } = await findAuthority(call.store.db, slug);
  const set = settings(call, entityId, type, input);
  return change(call, {
    authorityId,
    scope: null,
    async decide() {
      const [twin] = await call.store.db
        .select({ state: trustMarkType.state })
        .from(trustMarkType)
        .where(and(eq(trustMarkType.authorityId, authorityId), eq(trustMarkType.trustMarkType, type)))
        .limit(1);
      if (twin) throw new Refusal('already_exists', `the type is known already, in state ${twin.state}`);
      const sound = await expectSoundDelegation(call.store.db, authorityId, input.delegation);
      const now = call.now();
      const row: MarkTypeRow = {
        authorityId,
        trustMarkType: type,
        state: 'active',
        logoUri: null,
        ref: null,
        lifetime: DEFAULT_MARK_LIFETIME,
        delegation: null,
        delegationExp: null,
        ...set,
        createdAt: now,
        updatedAt: now,
        v: 1,
      };
      return {
        events: [
          {
            type: 'trust_mark_type.created',
            subjectKind: 'trust_mark_type',
            subjectId: type,
            detail: { lifetime: row.lifetime || null, delegated: row.delegation !== null },
          },
        ],
        statements: [...sound, insertRows(trustMarkType, [row])],
        result: row,
      };
    },
  });
}

/** Change a type; marks already issued stay as they are until their renewal, those without end are due for one at once. */
export async function changeMarkType(
  call: Call<MarkTypeRow>,
  slug: string,
  type: string,
  { version, ...input }: MarkTypeInput & { readonly version?: number | undefined },
  seen: Seen = {},
): Promise<MarkTypeRow> {
  allow(call, 'administer', slug);
  const { id: authorityId, entityId } = await findAuthority(call.store.db, slug);
  const set = settings(call, entityId, type, input);
  return change(call, {
    authorityId,
    scope: null,
    async decide() {
      const before = await findMarkType(call, authorityId, type);
      expectVersion(before, version);
      const sound = await expectSoundDelegation(call.store.db, authorityId, input.delegation);
      const after: MarkTypeRow = { ...before, ...set, updatedAt: call.now(), v: before.v + 1 };
      const { authorityId: _, trustMarkType: __, createdAt: ___, ...columns } = after;
      const widens = markTypeWidened(before, after);
      const of = await findAuthority(call.store.db, slug);
      const agreed = await consent(call, widens.length ? of.quorum : 1, {
        kind: 'mark_type',
        subjectId: type,
        authority: of,
        chain: authorityId,
        permission: 'administer',
        content: { trust_mark_type: type, v: before.v, widens, to: set },
        request: { ...input },
        seen: seen.digest,
        note: seen.note,
      });
      if (agreed.held) return agreed.held;
      const detail = { changed: Object.keys(set), ...(widens.length && { widens, ...agreed.detail }) };
      return {
        events: [{ type: 'trust_mark_type.changed', subjectKind: 'trust_mark_type', subjectId: type, detail }],
        statements: [
          ...agreed.statements,
          ...sound,
          call.store.db
            .update(trustMarkType)
            .set(columns)
            .where(and(eq(trustMarkType.authorityId, authorityId), eq(trustMarkType.trustMarkType, type))),
          ...(before.lifetime === 0 || set.delegationExp !== undefined ? moveEnd(call, { authorityId, trustMarkType: type }, after.delegationExp) : []),
        ],
        result: after,
      };
    },
  });
}

export type MovedType = MarkTypeRow & { readonly withdrawn: number; readonly already?: true };

/** Withdraw every mark of a type in one commit and issue no more; or, resumed, allow grants again. */
export async function haltMarkType(
  call: Call<MovedType>,
  slug: string,
  type: string,
  halt: boolean,
  reason: string | undefined,
  digest?: Seen,
  by: CutBy = {},
): Promise<MovedType> {
  allow(call, halt ? 'cut' : 'approve', slug);
  if (halt && !reason) throw new Refusal('invalid_request', 'halting a type needs a reason');
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const asked = await askedAt(db, authorityId);
  const { v: seen } = await findMarkType(call, authorityId, type);
  return change<MovedType>(call, {
    authorityId,
    scope: null,
    about: `type ${type}`,
    urgent: halt,
    async decide() {
      const before = await findMarkType(call, authorityId, type);
      const state = halt ? ('halted' as const) : ('active' as const);
      if (before.state === state)
        return { events: halt ? [haltedAgain(type, reason, by)] : [], statements: [], result: { ...before, withdrawn: 0, already: true } };
      if (!halt) {
        expectNotOvertaken(seen, before.v);
        await expectNotCutSince(db, asked, [type]);
      }
      const agreed = halt
        ? { held: undefined, statements: [], detail: {} }
        : await resumeConsent(call, await findAuthority(db, slug), { id: type, act: 'mark_type', v: before.v }, reason, digest);
      if (agreed.held) return agreed.held;
      const now = call.now();
      const ofType = eq(trustMark.trustMarkType, type);
      const [live] = await db
        .select({ n: count() })
        .from(trustMark)
        .where(and(eq(trustMark.authorityId, authorityId), ofType, isNull(trustMark.revokedAt), gt(trustMark.exp, now)));
      const withdrawn = halt ? (live?.n ?? 0) : 0;
      const after: MarkTypeRow = { ...before, state, updatedAt: now, v: before.v + 1 };
      const grants = and(eq(trustMarkGrant.authorityId, authorityId), eq(trustMarkGrant.trustMarkType, type), eq(trustMarkGrant.state, 'active'));
      return {
        events: [
          {
            type: halt ? 'trust_mark_type.halted' : 'trust_mark_type.resumed',
            subjectKind: 'trust_mark_type',
            subjectId: type,
            reason,
            reasonCode: by.reasonCode,
            detail: { withdrawn, ...agreed.detail, ...actOf(by), ...(halt && (await outstandingOfType(call, authorityId, type))) },
          },
        ],
        statements: [
          ...agreed.statements,
          db
            .update(trustMarkType)
            .set({ state, updatedAt: now, v: after.v })
            .where(and(eq(trustMarkType.authorityId, authorityId), eq(trustMarkType.trustMarkType, type))),
          ...(halt
            ? [
                ...(await withdrawMarks(call, await findAuthority(db, slug), ofType, `type halted: ${reason}`)),
                giveUpPlacesOf(authorityId, type),
                db
                  .update(trustMarkGrant)
                  .set({ state: 'revoked', reason: `type halted: ${reason}`, updatedAt: now, v: nextVersion() })
                  .where(grants),
              ]
            : []),
        ],
        result: { ...after, withdrawn },
      };
    },
  });
}

/** Nothing is left to withdraw; it is told all the same, to whoever is about to resume the type or to grant it (overtaken.ts). */
const haltedAgain = (type: string, reason: string | undefined, by: CutBy): NewEvent => ({
  type: 'trust_mark_type.halted',
  subjectKind: 'trust_mark_type',
  subjectId: type,
  reason,
  reasonCode: by.reasonCode,
  detail: { withdrawn: 0, already: true, ...actOf(by) },
});

export async function listMarkTypes(call: Call, slug: string): Promise<readonly MarkTypeRow[]> {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return call.store.db.select().from(trustMarkType).where(eq(trustMarkType.authorityId, id)).orderBy(asc(trustMarkType.trustMarkType));
}
