import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Refusal } from '../operations/refusal.js';
import type { Deployment } from '../operations/call.js';
import { type AuthenticatedMember, authenticateMember, NotAuthenticated, type Spend } from '../operations/join/authenticate-member.js';

export interface JoinEnv {
  Bindings: object;
  Variables: { deployment: Deployment; inbox: Spend | undefined };
}
export type JoinApp = OpenAPIHono<JoinEnv>;
export type JoinContext = Context<JoinEnv>;

/** The JSON body after zod: the route's schema is its type. */
export const validJson = <T>(c: JoinContext): T => c.req.valid('json' as never) as T;
export const param = (c: JoinContext, name: string): string => c.req.param(name as never) as unknown as string;

/** Nobody is let in without a secret. */
export class NoSecret extends Error {}

const SECRET = /^Bearer ([\x21-\x7e]{1,200})$/i;

/** The secret of a link or the token of an application: in a header, since URLs are logged. @throws NoSecret */
export function secretOf(c: JoinContext, kind: 'link' | 'application'): string {
  const [, secret] = SECRET.exec(c.req.header('authorization') ?? '') ?? [];
  if (secret === undefined)
    throw new NoSecret(
      kind === 'link' ? 'send Authorization: Bearer with the secret of the join link' : 'send Authorization: Bearer with the token of the application',
    );
  return secret;
}

/** An application that cannot be: its id is none of ours. @throws Refusal not_found */
export function applicationId(c: JoinContext): string {
  const id = param(c, 'id');
  if (!/^apl_[0-9a-z]{26}$/.test(id)) throw new Refusal('not_found', 'there is no such application, or the token is not its token');
  return id;
}

const ASSERTION = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i;

/** Which member asks: a client assertion of its own, in a header. @throws NotAuthenticated, TooMany, Refusal temporarily_unavailable */
export async function memberOf(c: JoinContext): Promise<AuthenticatedMember> {
  const [, assertion] = ASSERTION.exec(c.req.header('authorization') ?? '') ?? [];
  if (assertion === undefined) throw new NotAuthenticated();
  return authenticateMember(c.var.deployment, c.var.inbox, assertion);
}
