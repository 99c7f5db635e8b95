import { createJoinApp } from '../../src/join/app.js';
import type { Deployment } from '../../src/operations/call.js';
import type { Spend } from '../../src/operations/join/authenticate-member.js';
import { type Answer, answer, type TestDeployment } from './deployment.js';

/** Building the app costs more than most requests to it: one for all tests of a file. */
let app: ReturnType<typeof createJoinApp> | undefined;

export interface Asking {
  readonly token?: string;
  /** The address it comes from. */
  readonly from?: string;
  /** Of another process on the same store. */
  readonly deployment?: Deployment;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the join API of a deployment answers. */
export async function askJoin(
  d: TestDeployment,
  method: string,
  path: string,
  body?: unknown,
  { token, from, deployment, headers }: Asking = {},
): Promise<Answer> {
  app ??= createJoinApp({
    deploymentOf: (env) => (env as { deployment: Deployment }).deployment,
    addressOf: (_request, env) => (env as { from?: string }).from,
    inboxOf: (env) => (env as { inbox?: Spend }).inbox,
  });
  const text = body === undefined ? (method === 'GET' ? undefined : '{}') : typeof body === 'string' ? body : JSON.stringify(body);
  return answer(
    app.request(
      `http://join.test/join/v1${path}`,
      {
        method,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(text !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(text !== undefined && { body: text }),
      },
      { deployment: deployment ?? d.deployment, from, inbox: d.inbox },
    ),
  );
}

export interface Link {
  readonly id: string;
  readonly secret: string;
}
export interface Applied {
  readonly id: string;
  readonly token: string;
}
const OWNER = '/authorities/main';

export async function newLink(d: TestDeployment, uses = 1, authority = 'main'): Promise<Link> {
  const { json } = await d.admin('POST', `/authorities/${authority}/join-links`, { uses });
  return { id: json.id, secret: json.secret };
}

/** Hand in an application by a link of its own. */
export async function apply(d: TestDeployment, entityId: string, more: object = {}, link?: Link): Promise<Applied> {
  const { id, secret } = link ?? (await newLink(d));
  const body = { join_link: id, entity_id: entityId, organization: { legal_name: `Owner of ${entityId}` }, ...more };
  const { status, json, text } = await askJoin(d, 'POST', '/applications', body, { token: secret });
  if (status !== 201) throw new Error(text);
  return { id: json.id, token: json.token };
}

export const act = (d: TestDeployment, id: string, verb: string, body: object = {}, token?: string): Promise<Answer> =>
  d.admin('POST', `${OWNER}/applications/${id}/${verb}`, body, token === undefined ? {} : { token });
