import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import type { Child, Said } from './child.node.js';
import { main, type Registries, VETTED } from './enrolling.node.js';
import { type Narrator, took } from './narrator.js';
import type { Services } from './services.node.js';
import type { Stage } from './stage.node.js';

const SCOPE = ['openid', 'offline_access', ...VETTED];
const PAUSE_MS = 200;
const MOST_MS = 45_000;
/** What a client may do with what a person has agreed to, and what each is answered with once it is halted. */
const ACTS = ['introspect', 'refresh', 'push'] as const;
type Act = (typeof ACTS)[number];

/** What came of a client that acts for a person. */
export interface ForUser {
  readonly entity: string;
  readonly token: Said;
  /** By what it tried after the halt: the first refusal, and milliseconds from the halt's answer to it. */
  readonly refused: Readonly<Record<Act, { readonly said: Said; readonly ms: number }>>;
  /** Let through between the halt and those. */
  readonly late: number;
}

async function ask(child: Child, command: { readonly do: string; readonly as?: string }, event: string): Promise<Said> {
  const from = child.said.length;
  child.tell(command);
  return child.until((one) => one.event === event || one.event === 'refused', `it has done ${command.do}`, from);
}

/** A token that is not active is as good as refused. */
const isRefused = (said: Said): boolean => (said.event === 'refused' ? said['error'] !== 'temporarily_unavailable' : said['active'] === false);

/** The user-delegated path: a person logs in at a server that was told nothing about the client, and agrees. Then the client is halted. */
export async function actForUser(tell: Narrator, stage: Stage, { operator }: Registries, services: Services): Promise<ForUser> {
  const { federation, resource } = services;
  const { client, entity, member, token } = await tell.step(
    'A person lets a client act: openid-client, at the server that knows the federation',
    async (say) => {
      const place = await stage.place();
      const env = {
        AUTHORITY: operator.url,
        SERVER: federation.url,
        RESOURCE: resource,
        SCOPE: SCOPE.join(' '),
        KEY: join(stage.folder, 'user-client.json'),
      };
      const client = await stage.party('user client', 'user-client', env, place);
      const { id } = await operator.admin.send<{ id: string }>('POST', main('members'), {
        entity_id: place.url,
        organization: 'Bolt Ltd',
        entity_types: ['openid_relying_party'],
        activate: true,
        entitlements: [
          ...SCOPE.map((value) => ({ kind: 'scope', value })),
          ...['authorization_code', 'refresh_token'].map((value) => ({ kind: 'grant_type', value })),
          { kind: 'resource', value: resource },
        ],
      });
      say.sent(`a pushed request (PAR) by private_key_jwt, PKCE, DPoP; client_id ${place.url}`);
      say.checked('by the server: its chain, its keys by the chain, scope and resource within what it was vetted for; and ada logs in and agrees');
      const token = await ask(client, { do: 'login', as: 'ada' }, 'token');
      if (token.event !== 'token') throw new Error(`no token: ${JSON.stringify(token)}`);
      say.got(`a token of ${String(token['sub'])} for scope ${String(token['scope'])}, bound to the client’s key (${String(token['token_type'])})`);
      return { client, entity: place.url, member: id, token };
    },
  );
  const { refused, late } = await tell.step('The operator halts that client, while ada is logged in', async (say) => {
    await operator.admin.send('POST', main('members', member, 'suspend'), { reason: 'incident 9', reason_code: 'security_incident' });
    const since = performance.now();
    say.sent('POST members/{id}/suspend, at the operator');
    const refused: Partial<Record<Act, { readonly said: Said; readonly ms: number }>> = {};
    let late = 0;
    while (ACTS.some((act) => !refused[act])) {
      for (const act of ACTS) {
        if (refused[act]) continue;
        const said = await ask(client, { do: act }, act);
        const ms = performance.now() - since;
        if (isRefused(said)) refused[act] = { said, ms };
        else late++;
        if (ms > MOST_MS) throw new Error(`${act}: still let in ${took(ms)} after the halt`);
      }
      await after(PAUSE_MS);
    }
    const all = refused as ForUser['refused'];
    for (const act of ACTS) {
      const { said, ms } = all[act];
      say.refused(
        `${act.padEnd(10)} ${said.event === 'refused' ? `${String(said['status'])} ${String(said['error'])}` : 'the token is not active'} after ${took(ms)}`,
      );
    }
    return { refused: all, late };
  });
  return { entity, token, refused, late };
}
