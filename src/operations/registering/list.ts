import { and, eq } from 'drizzle-orm';
import { clientPage, clientsWhere, type ReportedClient, statementPage, tokenPage } from '../../store/registering.js';
import { clientRegistration } from '../../store/schema.js';
import { allow, type Call } from '../call.js';
import { type Page, type PageRequest, page } from '../read.js';
import { Refusal } from '../refusal.js';
import { findAuthority, findMember } from '../registry.js';
import { findStatement, findToken, type ShownStatement, type ShownToken } from './revoke.js';
import { statementStates, tokenStates } from './standing.js';

export interface OfMember extends PageRequest {
  /** Our id, or the Entity Identifier. */
  readonly member?: string | undefined;
}

async function place(call: Call, slug: string, member: string | undefined): Promise<{ readonly id: string; readonly memberId: string | undefined }> {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return { id, memberId: member === undefined ? undefined : (await findMember(call.store.db, id, member)).id };
}

/** Software statements of an authority, newest first, those that have ended too for a while. @throws Refusal permission_denied, not_found */
export async function listStatements(call: Call, slug: string, { member, limit, cursor }: OfMember): Promise<Page<ShownStatement>> {
  const { id, memberId } = await place(call, slug, member);
  const after = cursor === undefined ? undefined : (await findStatement(call, id, cursor)).row;
  const found = page(await statementPage(call.store.db, id, memberId, after, limit + 1), limit, ({ row }) => row.jti);
  const states = await statementStates(call.store.db, found.items, call.now());
  return { ...found, items: found.items.map((one, n) => ({ ...one, state: states[n] ?? 'not_in_force' })) };
}

/** One software statement. @throws Refusal permission_denied, not_found */
export async function showStatement(call: Call, slug: string, jti: string): Promise<ShownStatement> {
  const { id } = await place(call, slug, undefined);
  return findStatement(call, id, jti);
}

/** Initial access tokens of an authority, newest first; never the tokens themselves. @throws Refusal permission_denied, not_found */
export async function listTokens(call: Call, slug: string, { member, limit, cursor }: OfMember): Promise<Page<ShownToken>> {
  const { id, memberId } = await place(call, slug, member);
  const after = cursor === undefined ? undefined : (await findToken(call, id, cursor)).row;
  const found = page(await tokenPage(call.store.db, id, memberId, after, limit + 1), limit, ({ row }) => row.jti);
  const states = await tokenStates(call.store.db, found.items, call.now());
  return { ...found, items: found.items.map((one, n) => ({ ...one, state: states[n] ?? 'not_in_force' })) };
}

export interface OfServer extends OfMember {
  readonly server?: string | undefined;
}
/** Where a page of clients goes on: a client id is the server's, and may hold anything. */
const cursorOf = ({ row }: ReportedClient): string => JSON.stringify([row.server, row.clientId]);

async function clientAt(call: Call, authorityId: string, cursor: string): Promise<ReportedClient> {
  const [server, clientId] = readCursor(cursor);
  const [found] = await clientsWhere(
    call.store.db,
    and(eq(clientRegistration.authorityId, authorityId), eq(clientRegistration.server, server), eq(clientRegistration.clientId, clientId)),
    1,
  );
  if (!found) throw new Refusal('invalid_request', 'the cursor is not one of ours');
  return found;
}

function readCursor(cursor: string): readonly [string, string] {
  try {
    const value: unknown = JSON.parse(cursor);
    if (Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === 'string')) return value as [string, string];
  } catch {
    // none of ours
  }
  throw new Refusal('invalid_request', 'the cursor is not one of ours');
}

/** Clients that authorization servers reported, newest first. @throws Refusal permission_denied, not_found, invalid_request */
export async function listClients(call: Call, slug: string, { member, server, limit, cursor }: OfServer): Promise<Page<ReportedClient>> {
  const { id, memberId } = await place(call, slug, member);
  const after = cursor === undefined ? undefined : (await clientAt(call, id, cursor)).row;
  return page(await clientPage(call.store.db, { authorityId: id, memberId, server }, after, limit + 1), limit, cursorOf);
}
