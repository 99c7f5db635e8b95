import { and, eq } from 'drizzle-orm';
import { decodeJwt } from 'jose';
import { ERROR_STATUS, type JwkSet, type StatusListClaim } from '../../federation/entry.js';
import { statusAt, unpackStatuses } from '../../federation/status-list.js';
import { statusListsOf } from '../../store/status-lists.js';
import { statusListAt } from '../status/status-claim.js';
import { type Published, type ServedArtefact, servedAs } from '../../store/published.js';
import { only } from '../../store/only.js';
import { authority, ENDPOINT_PATHS, member, snapshot, trustMark, trustMarkGrant } from '../../store/schema.js';
import { endpointOf } from '../artefacts/publish.js';
import { type Call, may } from '../call.js';
import { thumbprintsOf } from '../members/key-binding.js';
import type { AuthorityRow } from '../registry.js';
import { clientIdOf } from '../resolving/client-document.js';

/** How one public URL is answered now, as the store gives it to the public plane. */
export interface Answered {
  readonly what:
    | 'statement'
    | 'list'
    | 'resolve'
    | 'trust_mark'
    | 'trust_mark_list'
    | 'hosted'
    | 'entity_configuration'
    | 'events'
    | 'client_metadata_document'
    | 'status_list';
  readonly url: string;
  readonly status: number;
  /** Of lists: whether it stands there. */
  readonly listed?: boolean;
  /** Of statements, after a key was taken away: whether they list it. */
  readonly listsKey?: boolean;
  /** Of a status list, while it is served: what it says of whom was cut (0 valid, 1 invalid, 2 suspended). */
  readonly value?: number;
}

interface View {
  readonly call: Call;
  readonly published: Published;
  readonly authorities: readonly AuthorityRow[];
  readonly now: number;
}

/** Of marks and resolvers so many are looked at. */
const MOST = 20;

const at = (of: AuthorityRow, endpoint: keyof typeof ENDPOINT_PATHS, query: Readonly<Record<string, string>> = {}): string => {
  const text = new URLSearchParams(query).toString();
  return `${endpointOf(of.entityId, ENDPOINT_PATHS[endpoint])}${text && `?${text}`}`;
};

function statusOf(found: ServedArtefact | undefined, now: number): number {
  const as = found ? servedAs(found, now) : 'gone';
  return as === 'served' ? 200 : as === 'late' ? 503 : 404;
}

const artefact = async ({ published, now }: View, of: AuthorityRow, kind: Parameters<Published['artefact']>[1], key: string): Promise<number> =>
  statusOf(await published.artefact(of.id, kind, key), now);

async function list({ published, now }: View, of: AuthorityRow, entityId: string): Promise<Answered> {
  const url = at(of, 'list');
  if (!(await published.isActive(of.id))) return { what: 'list', url, status: 404, listed: false };
  const everybody = { entityTypes: [], trustMarked: false, trustMarkTypes: [], intermediate: false, updatedAfter: undefined, updatedBefore: undefined };
  const {
    entities: [first],
  } = await published.extendedPage(of.id, everybody, entityId, 1, now);
  return { what: 'list', url, status: 200, listed: first?.entityId === entityId };
}

async function resolve({ published, now }: View, of: AuthorityRow, subject: string, anchor: string): Promise<Answered> {
  const url = at(of, 'resolve', { sub: subject, trust_anchor: anchor });
  const told = (status: number): Answered => ({ what: 'resolve', url, status });
  const evaluation = await published.evaluation(of.id, subject, anchor);
  if (!evaluation) return told(404);
  if (evaluation.state !== 'valid') return told(evaluation.state === 'unreachable' ? 503 : ERROR_STATUS[evaluation.error]);
  const stored = await published.resolved(of.id, subject, anchor, evaluation.types);
  if (stored?.rests === 'gone') return told(404);
  return told(!stored || stored.rests === 'changed' ? 503 : statusOf(stored, now));
}

/** By its name alone: a member that is none of the clients here has none. */
async function client({ call, published, now }: View, of: AuthorityRow, entityId: string): Promise<readonly Answered[]> {
  const [row] = await call.store.db
    .select({ id: member.id })
    .from(member)
    .where(and(eq(member.authorityId, of.id), eq(member.entityId, entityId)))
    .limit(1);
  if (!row) return [];
  const found = await published.clientDocument(of.id, row.id);
  const status = found?.rests === 'gone' ? 404 : found?.rests === 'changed' ? 503 : statusOf(found, now);
  return [{ what: 'client_metadata_document', url: clientIdOf(of.entityId, row.id), status }];
}

/** The status list in which a member has its place, and what it says there. */
async function statusList({ call, published, now }: View, of: AuthorityRow, entityId: string): Promise<readonly Answered[]> {
  const [row] = await call.store.db
    .select({ list: member.statusList, idx: member.statusIdx })
    .from(member)
    .where(and(eq(member.authorityId, of.id), eq(member.entityId, entityId)))
    .limit(1);
  if (row?.list === undefined || row.list === null || row.idx === null) return [];
  const found = await published.statusList(of.id, String(row.list));
  const status = statusOf(found, now);
  const value = status === 200 && found ? await saidAt(found.bytes, row.idx) : undefined;
  return [{ what: 'status_list', url: statusListAt(of.entityId, row.list), status, ...(value !== undefined && { value }) }];
}

async function saidAt(token: string, idx: number): Promise<number | undefined> {
  const list = await unpackStatuses(decodeJwt(token)['status_list'] as StatusListClaim);
  return 'code' in list ? undefined : statusAt(list, idx);
}

/** What is answered about one member: by its authority, and by the issuers of marks and the resolvers here that the caller may see. */
export async function answersAboutMember(view: View, of: AuthorityRow, entityId: string): Promise<readonly Answered[]> {
  const { call, authorities } = view;
  const { db } = call.store;
  const evaluated = await db
    .select({ id: snapshot.authorityId, anchor: snapshot.trustAnchor })
    .from(authority)
    // In this order it is one look-up an authority: by its subject alone no index finds a snapshot, nor a grant.
    .crossJoin(snapshot)
    .where(and(eq(snapshot.authorityId, authority.id), eq(snapshot.subject, entityId)))
    .limit(MOST);
  const pairs = new Map([[`${of.id} ${of.entityId}`, { by: of, anchor: of.entityId }]]);
  for (const { id, anchor } of evaluated) {
    const by = authorities.find((one) => one.id === id);
    if (by && may(call, 'read', by.slug)) pairs.set(`${id} ${anchor}`, { by, anchor });
  }
  const grants = await db
    .select({ id: trustMarkGrant.authorityId, type: trustMarkGrant.trustMarkType })
    .from(authority)
    .crossJoin(trustMarkGrant)
    .where(and(eq(trustMarkGrant.authorityId, authority.id), eq(trustMarkGrant.entityId, entityId), only(trustMarkGrant.memberAuthorityId, of.id)))
    .limit(MOST);
  const marks = grants.flatMap(({ id, type }) => authorities.filter((one) => one.id === id && may(call, 'read', one.slug)).map((by) => ({ by, type })));
  return [
    { what: 'statement', url: at(of, 'fetch', { sub: entityId }), status: await artefact(view, of, 'statement', entityId) },
    await list(view, of, entityId),
    ...(await Promise.all([...pairs.values()].map(({ by, anchor }) => resolve(view, by, entityId, anchor)))),
    ...(await Promise.all(
      marks.map(
        async ({ by, type }): Promise<Answered> => ({
          what: 'trust_mark',
          url: at(by, 'trust_mark', { trust_mark_type: type, sub: entityId }),
          status: await artefact(view, by, 'mark', `${type}\n${entityId}`),
        }),
      ),
    )),
    ...(await client(view, of, entityId)),
    ...(await statusList(view, of, entityId)),
    ...(of.subordinateEvents
      ? [{ what: 'events' as const, url: at(of, 'subordinate_events', { sub: entityId }), status: await artefact(view, of, 'events', entityId) }]
      : []),
  ];
}

export async function answersAboutAuthority(view: View, of: AuthorityRow): Promise<readonly Answered[]> {
  const configuration = `${of.entityId.replace(/\/$/, '')}/.well-known/openid-federation`;
  return [
    { what: 'entity_configuration', url: configuration, status: await artefact(view, of, 'entity_configuration', '') },
    { what: 'list', url: at(of, 'list'), status: (await view.published.isActive(of.id)) ? 200 : 404 },
    ...(await Promise.all(
      (
        await statusListsOf(view.call.store.db, of.id, MOST)
      ).map(
        async (n): Promise<Answered> => ({
          what: 'status_list',
          url: statusListAt(of.entityId, n),
          status: statusOf(await view.published.statusList(of.id, String(n)), view.now),
        }),
      ),
    )),
  ];
}

export async function answersAboutType(view: View, of: AuthorityRow, type: string): Promise<readonly Answered[]> {
  const url = at(of, 'trust_mark_list', { trust_mark_type: type });
  const active = await view.published.isActive(of.id);
  const { json } = await view.published.markedPage(of.id, type, '', 1, view.now);
  const issued = await view.call.store.db
    .selectDistinct({ entityId: trustMark.entityId })
    .from(trustMark)
    .where(and(eq(trustMark.authorityId, of.id), eq(trustMark.trustMarkType, type)))
    .limit(5);
  return [
    { what: 'trust_mark_list', url, status: active ? 200 : 404, listed: json !== '' },
    ...(await Promise.all(
      issued.map(
        async ({ entityId }): Promise<Answered> => ({
          what: 'trust_mark',
          url: at(of, 'trust_mark', { trust_mark_type: type, sub: entityId }),
          status: await artefact(view, of, 'mark', `${type}\n${entityId}`),
        }),
      ),
    )),
  ];
}

/** The statements about those who had a key, and whether they list it. */
export async function answersAboutKey(
  view: View,
  thumbprint: string,
  examples: readonly { readonly authority_id?: string; readonly entity_id?: string }[],
): Promise<readonly Answered[]> {
  const answers = await Promise.all(
    examples.map(async ({ authority_id: id, entity_id: entityId = '' }): Promise<readonly Answered[]> => {
      const of = view.authorities.find((one) => one.id === id);
      if (!of) return [];
      const found = await view.published.artefact(of.id, 'statement', entityId);
      const status = statusOf(found, view.now);
      return [
        {
          what: 'statement',
          url: at(of, 'fetch', { sub: entityId }),
          status,
          ...(status === 200 && found && { listsKey: await lists(found.bytes, thumbprint) }),
        },
        ...(await statusList(view, of, entityId)),
      ];
    }),
  );
  return answers.flat();
}

const lists = async (statement: string, thumbprint: string): Promise<boolean> =>
  (await thumbprintsOf(decodeJwt(statement)['jwks'] as JwkSet)).includes(thumbprint);
