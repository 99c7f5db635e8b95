import { createHash } from 'node:crypto';
import { type Acme, type Agent, apply, createAgent, foundAcme } from './acme.node.js';
import type { Narrator } from './narrator.js';
import type { Holdfast, Stage } from './stage.node.js';

/** What the MCP server knows. */
export const SCOPES = ['tools:read', 'tools:write'] as const;
/** What Acme is vetted for. */
export const VETTED = ['tools:read'] as const;
const SLUG = 'acme';

export const main = (...more: readonly string[]): string => ['/authorities/main', ...more.map(encodeURIComponent)].join('/');
/** Of the authority for agents of Acme. */
export const agents = (...more: readonly string[]): string => [`/authorities/${SLUG}`, ...more.map(encodeURIComponent)].join('/');

export interface Registries {
  readonly anchor: Holdfast;
  readonly operator: Holdfast;
}

const POLICY = {
  metadata_policy: { oauth_client: { token_endpoint_auth_method: { one_of: ['private_key_jwt', 'tls_client_auth'], essential: true } } },
  constraints: { max_path_length: 2 },
};

/** The anchor of the consortium, and an operator below it: two deployments, each with its own database and keys. */
export async function startRegistries(tell: Narrator, stage: Stage): Promise<Registries> {
  return tell.step('A trust anchor and an operator below it start: two deployments', async (say) => {
    const [anchor, operator] = await Promise.all([stage.holdfast('anchor'), stage.holdfast('operator')]);
    say.got(`anchor    ${anchor.url}`);
    say.got(`operator  ${operator.url}`);
    await anchor.admin.send('PATCH', main(), { metadata: { federation_entity: { organization_name: 'Consortium' } } });
    const { version } = await anchor.admin.send<{ version: number }>('POST', main('policies'), POLICY);
    await anchor.admin.send('POST', main('policies', String(version), 'publish'));
    await operator.admin.send('PATCH', main(), {
      authority_hints: [anchor.url],
      metadata: { federation_entity: { organization_name: 'Operator' } },
    });
    await anchor.admin.send('POST', main('members'), { entity_id: operator.url, activate: true });
    say.sent('POST members, at the anchor: the operator');
    say.checked('pre-flight: the operator publishes a configuration, names the anchor in it, has keys of its own');
    say.got(`the anchor signs a statement about the operator; policy version ${version}: clients prove themselves by a key`);
    await operator.admin.send('POST', main('anchors'), { entity_id: anchor.url, jwks: await anchor.keys() });
    return { anchor, operator };
  });
}

export interface Enrolled {
  readonly acme: Acme;
  /** Our id of Acme at the operator. */
  readonly member: string;
}

/** Apply by a link, vetted by a person, in force: nobody has typed in a key. */
export async function applyAndVet(tell: Narrator, stage: Stage, { anchor, operator }: Registries, resource: string): Promise<Enrolled> {
  const acme = await foundAcme(await stage.place(), operator.url);
  const application = await tell.step('Acme AB applies to the operator, by a join link and with no account', async (say) => {
    const { url: link } = await operator.admin.send<{ url: string }>('POST', main('join-links'), { uses: 1, note: 'Acme AB, as agreed' });
    say.sent(`POST /join/v1/applications: ${acme.id}, oauth_client, scope ${VETTED.join(' ')}`);
    const sent = await apply(acme, link, operator, VETTED);
    say.checked(
      `what it publishes at its identifier: ${sent.findings.length === 0 ? 'no findings' : sent.findings.map(({ code }) => code).join(', ')}; it signed a challenge with its federation key`,
    );
    say.got('an application: it is no member, holds no identifier, and nothing is published about it');
    return sent;
  });
  const member = await tell.step('The operator looks at it, takes it and lets it in', async (say) => {
    const own = (verb: string) => main('applications', application.id, verb);
    const { conflicts } = await operator.admin.get<{ conflicts: readonly unknown[] }>(main('applications', application.id));
    say.checked(`nobody else bears the identifier or the registration number: ${conflicts.length} conflicts`);
    const { member: id } = await operator.admin.send<{ member: string }>('POST', own('take'), {});
    for (const verb of ['approve', 'activate']) await operator.admin.send('POST', main('members', id, verb), {});
    say.sent('applications/{id}/take, members/{id}/approve, members/{id}/activate');
    say.got('a member in force: a signed statement about its keys and what it may ask for');
    const entitlements = [{ kind: 'resource', value: resource }];
    await operator.admin.send('POST', main('agent-authorities'), { member: acme.id, slug: SLUG, max_agents: 20, scopes: [...VETTED], entitlements });
    // What it signs for its agents to register by carries its chain to the anchor.
    const { entity_id: below } = await operator.admin.get<{ entity_id: string }>(agents());
    await operator.admin.send('POST', agents('anchors'), { entity_id: anchor.url, jwks: await anchor.keys() });
    await operator.admin.send('POST', agents('entities', below, 'evaluate'), {});
    say.got('and an authority for its agents below the operator’s: at most 20, with that scope at most');
    return id;
  });
  return { acme, member };
}

export interface Documented extends Agent {
  /** SHA-256 of the document, as it was served. */
  readonly documentSha256: string;
}

/** What a server that knows no federations reads. */
export async function makeAgent(
  tell: Narrator,
  stage: Stage,
  { operator }: Registries,
  { acme }: Enrolled,
  resource: string,
  name: string,
): Promise<Documented> {
  return tell.step(`Acme makes an agent itself: ${name}`, async (say) => {
    const agent = await createAgent(acme, operator, stage.folder, name, { scopes: VETTED, resource });
    say.sent(`POST /join/v1/agents by private_key_jwt under Acme’s federation key: ${name}, scope ${VETTED.join(' ')}`);
    say.checked('the assertion is Acme’s, used once; the configuration is signed by the agent; its scopes are within those of the authority');
    say.got(`entity   ${agent.entity}`);
    await operator.admin.send('POST', agents('entities', agent.entity, 'evaluate'), {});
    const { status, headers, text } = await operator.look(agent.clientId);
    if (status !== 200) throw new Error(`${agent.clientId} answers ${status}: ${text.slice(0, 200)}`);
    const { scope, jwks } = JSON.parse(text) as { readonly scope?: string; readonly jwks?: { readonly keys: readonly unknown[] } };
    say.got('document, for servers that know no federations:');
    say.more(agent.clientId);
    say.note(`its keys by value (${jwks?.keys.length}), scope ${scope}; ${headers['cache-control']}`);
    return { ...agent, documentSha256: createHash('sha256').update(text).digest('hex') };
  });
}
