import type { Child, Said } from './child.node.js';
import { type Documented, main, type Registries } from './enrolling.node.js';
import { type Narrator, took } from './narrator.js';
import { type Services, VETTED_SERVICE } from './services.node.js';
import type { Stage } from './stage.node.js';

/** What came of a chatbot that chose a service, before and after that service was suspended. */
export interface Chosen {
  readonly good: Said;
  readonly call: Said;
  readonly suspended: Said;
  /** How many times somebody asked for a token after the suspension: nobody did. */
  readonly tokensAsked: number;
}

const MOST_TRIES = 5;

async function choose(chatbot: Child, service: string, tries = 1): Promise<{ readonly verdict: Said; readonly end: Said }> {
  const from = chatbot.said.length;
  chatbot.tell({ service });
  const verdict = await chatbot.until(({ event }) => event === 'verify_resource' || event === 'refused', 'it has looked at the service', from);
  // Nobody could say: on a machine that is very busy.
  if (verdict['unavailable'] === true && tries < MOST_TRIES) return choose(chatbot, service, tries + 1);
  if (verdict.event === 'refused' || verdict['trusted'] !== true) return { verdict, end: verdict };
  return { verdict, end: await chatbot.until(({ event }) => event === 'tool_call' || event === 'refused', 'it has used the service', from) };
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The other direction: a chatbot of Acme is told of a service by its URL alone, and may send no token to just anybody. */
export async function chooseService(tell: Narrator, stage: Stage, { anchor }: Registries, services: Services, self: Documented): Promise<Chosen> {
  const { resource, anchorKeys, mcpMember, federation } = services;
  const { good, call, chatbot } = await tell.step('The other direction: a chatbot is told of the MCP service by its URL', async (say) => {
    const env = { AGENT: self.file, ANCHOR: anchor.url, ANCHOR_KEYS: anchorKeys, SERVICE: resource, MARKS: VETTED_SERVICE, FRESH: 'strict' };
    const chatbot = await stage.party('chatbot', 'chatbot', env);
    say.sent(`verifyResource ${resource}, with the mark ${VETTED_SERVICE}; no token yet`);
    const { verdict, end } = await choose(chatbot, resource);
    if (verdict['trusted'] !== true) throw new Error(`a good service is not trusted: ${JSON.stringify(verdict)}`);
    for (const one of listOf(verdict['checked'])) say.checked(String(one));
    say.got(`trusted, after ${took(Number(verdict['ms']))}; tokens for it are asked for at ${String(verdict['authorization_server'])}`);
    if (end.event !== 'tool_call') throw new Error(`the service was not used: ${JSON.stringify(end)}`);
    say.got(`read_invoice: ${String(end['text'])}`);
    return { good: verdict, call: end, chatbot };
  });
  return tell.step('The anchor suspends the service, and the chatbot comes back to it', async (say) => {
    await anchor.admin.send('POST', main('members', mcpMember, 'suspend'), { reason: 'incident 8', reason_code: 'security_incident' });
    say.sent('POST members/{id}/suspend, at the anchor');
    const from = federation.child.said.length;
    const { verdict } = await choose(chatbot, resource);
    if (verdict.event !== 'verify_resource' || verdict['trusted'] !== false) throw new Error(`a suspended service is trusted: ${JSON.stringify(verdict)}`);
    for (const one of listOf(verdict['findings']) as readonly { readonly code?: unknown; readonly detail?: unknown }[])
      say.refused(`${String(one.code)}: ${String(one.detail)}`);
    const tokensAsked = federation.child.said.slice(from).filter(({ event, route }) => event === 'token' || route === 'token').length;
    say.checked(`tokens that it asked for: ${tokensAsked}`);
    if (tokensAsked > 0) throw new Error('it asked for a token of a service that it does not trust');
    return { good, call, suspended: verdict, tokensAsked };
  });
}
