import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { Acme } from './acme.node.js';
import type { Said } from './child.node.js';
import type { DoorUsed } from './doors.node.js';
import { agents, type Documented, main, type Registries } from './enrolling.node.js';
import type { Halted } from './halting.node.js';
import type { Narrator, Saying } from './narrator.js';
import type { Services } from './services.node.js';
import type { Holdfast, Stage } from './stage.node.js';
import { parseJws, mediaTypes, validateTrustChain } from '../../../federation/entry.js';
import { chainSha256 } from '../../../rp/entry.node.js';
import { seconds } from '../../deployment.node.js';

interface Event {
  readonly seq: number;
  readonly at: number;
  readonly type: string;
  readonly subject: { readonly kind: string; readonly id: string };
  readonly actor: { readonly kind: string; readonly name: string | null };
  readonly detail: Readonly<Record<string, unknown>>;
  readonly artefacts: readonly { readonly kind: string; readonly sha256: string }[];
  readonly hash: string;
}

/** The chain as the registry answered it before the halt, for whoever keeps such answers. */
export interface KeptChain {
  readonly sha256: string;
  /** Of each statement about somebody else: who stated it, and its SHA-256 (base64url), as the registry's events name it. */
  readonly statements: readonly { readonly iss: string; readonly sub: string; readonly sha256: string }[];
}

export interface Trail {
  readonly registry: KeptChain;
  /** The chain hashes that the services wrote down, by who wrote it. */
  readonly written: Readonly<Record<string, readonly string[]>>;
  /** Statements of the chain that an event of their authority names. */
  readonly recorded: number;
  readonly events: readonly Event[];
  /** `holdfast audit verify`, by authority: its exit code. */
  readonly verified: readonly { readonly authority: string; readonly code: number; readonly said: string }[];
  /** Calls that the MCP server admitted for the agent, at or after the first refusal that each door met: none. */
  readonly calls: number;
}

/** Ask the resolver of the agent's own authority, verify the chain by the anchor's keys alone, and keep what names it. */
export async function keepChain({ anchor, operator }: Registries, agent: Documented): Promise<KeptChain> {
  const authority = agent.entity.replace(/\/agents\/[^/]+$/, '');
  const answer = await operator.look(`${authority}/resolve?${new URLSearchParams({ sub: agent.entity, trust_anchor: anchor.url })}`);
  const jws = parseJws(answer.text, mediaTypes.typOf(mediaTypes.RESOLVE_RESPONSE), 1_000_000);
  if (!jws.ok) throw new Error(`no resolve answer about ${agent.entity}: ${answer.status}`);
  const chain = await validateTrustChain(jws.value.claims['trust_chain'] as readonly string[], {
    anchors: { [anchor.url]: await anchor.keys() },
    now: seconds(),
    subject: agent.entity,
  });
  if (!chain.ok) throw new Error(`the chain of ${agent.entity} does not hold: ${chain.findings[0]?.detail}`);
  const statements = chain.value.statements.filter(({ claims }) => claims.iss !== claims.sub);
  return {
    sha256: chainSha256(chain.value.statements),
    statements: statements.map(({ compact, claims }) => ({
      iss: claims.iss,
      sub: claims.sub,
      sha256: createHash('sha256').update(compact).digest('base64url'),
    })),
  };
}

const eventsOf = async ({ admin }: Holdfast, path: string): Promise<readonly Event[]> =>
  (await admin.get<{ items: readonly Event[] }>(`${path}/events?limit=500`)).items;

/** `holdfast audit verify`, as whoever does it by hand. */
const verify = ({ main: script }: Stage['scripts'], { local, token }: Holdfast, authority: string): Promise<{ readonly code: number; readonly said: string }> =>
  new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], HOLDFAST_URL: local, HOLDFAST_ADMIN_TOKEN: token, NO_COLOR: '1' };
    execFile(process.execPath, [script, '--authority', authority, 'audit', 'verify'], { env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, said: `${stdout}${stderr}`.trim().split('\n')[0] ?? '' }),
    );
  });

const clock = (at: string | number): string => new Date(typeof at === 'number' ? at * 1000 : at).toISOString().slice(11, 19);
const chainsIn = (said: readonly Said[], entity: string): readonly string[] => [
  ...new Set(said.filter((one) => one['entity'] === entity && typeof one['chain_sha256'] === 'string').map((one) => String(one['chain_sha256']))),
];

/** Who did what about the agent, on both sides; and the one hash that names why it was let in. */
export async function showTrail(
  tell: Narrator,
  stage: Stage,
  registries: Registries,
  services: Services,
  {
    acme,
    agent,
    used,
    halted,
    kept,
  }: { readonly acme: Acme; readonly agent: Documented; readonly used: readonly DoorUsed[]; readonly halted: Halted; readonly kept: KeptChain },
): Promise<Trail> {
  const names = new Map([
    [acme.id, 'Acme AB'],
    [services.federation.url, 'the federation server'],
    ['first owner', 'the operator'],
  ]);
  const { events, recorded } = await tell.step('The trail of the agent at the registry', (say) => atTheRegistry(say, registries, { agent, kept, names }));
  const written = await tell.step('The trail of the agent at the services', async (say) => atTheServices(say, services, { agent, used, halted }));
  const chains = [kept.sha256, ...used.map(({ chain }) => chain), ...Object.values(written).flat()];
  const verified = await tell.step('Both sides tell the same, and nobody has changed it since', async (say) => {
    const each = await verifyAll(stage, registries);
    say.sent('holdfast audit verify, for each authority');
    for (const { authority, code, said } of each) (code === 0 ? say.got : say.refused)(`${authority.padEnd(14)} ${said.split(' of ')[0]}`);
    const same = new Set(chains).size === 1;
    (same ? say.got : say.refused)(`${chains.length} records, ${new Set(chains).size} chain hash`);
    if (!same || each.some(({ code }) => code !== 0)) throw new Error('the two sides do not tell the same');
    return each;
  });
  const late = services.mcp.child.said.filter((one) => one.event === 'tool_call' && one['entity'] === agent.entity && String(one['at']) > halted.shutAt);
  return { registry: kept, written, recorded, events, verified, calls: late.length };
}

async function atTheRegistry(
  say: Saying,
  { anchor, operator }: Registries,
  { agent, kept, names }: { readonly agent: Documented; readonly kept: KeptChain; readonly names: ReadonlyMap<string, string> },
) {
  const all = await eventsOf(operator, agents());
  const events = all.filter(({ subject, detail }) => subject.id === agent.member || detail['member'] === agent.member || detail['entity_id'] === agent.entity);
  for (const { seq, at, type, actor } of events)
    say.got(`${clock(at)}  #${String(seq).padEnd(3)} ${type.padEnd(29)} ${names.get(actor.name ?? '') ?? actor.name ?? actor.kind}`);
  const everywhere = [...all, ...(await eventsOf(operator, main())), ...(await eventsOf(anchor, main()))];
  const named = new Set(everywhere.flatMap(({ artefacts }) => artefacts.map(({ sha256 }) => sha256)));
  const recorded = kept.statements.filter(({ sha256 }) => named.has(sha256)).length;
  say.checked(`of the ${kept.statements.length} statements of its chain ${recorded} are named in events of whoever signed them, by SHA-256`);
  say.got('chain, as the resolver answered it before the halt:');
  say.more(kept.sha256);
  return { events, recorded };
}

function atTheServices(
  say: Saying,
  services: Services,
  { agent, used, halted }: { readonly agent: Documented; readonly used: readonly DoorUsed[]; readonly halted: Halted },
): Trail['written'] {
  const ids = new Set(used.map(({ clientId }) => clientId));
  const parties = { 'stock server': services.stock.child, 'federation server': services.federation.child, 'MCP server': services.mcp.child };
  for (const [name, { said }] of Object.entries(parties)) {
    // Whoever is refused before a server knows who it is, is nobody to it: while the doors were tried nobody else was there.
    const isNameless = ({ event, at, entity, client_id: id }: Said): boolean =>
      event === 'refused' && entity === undefined && id === undefined && String(at) > halted.at && String(at) < halted.triedAt;
    const isAbout = (one: Said): boolean => one['entity'] === agent.entity || ids.has(String(one['client_id'])) || isNameless(one);
    const about = said.filter(isAbout);
    const admitted = about.filter(({ event }) => event === 'token' || event === 'tool_call');
    const refused = about.filter(({ event }) => event === 'refused');
    const span = (some: readonly Said[]): string => (some.length === 0 ? '' : ` ${clock(String(some[0]?.['at']))} to ${clock(String(some.at(-1)?.['at']))}`);
    say.got(`${name.padEnd(18)} let in ${String(admitted.length).padStart(3)}${span(admitted)}`);
    say.refused(`${' '.repeat(18)}        ${String(refused.length).padStart(3)}${span(refused)}`);
  }
  const written = {
    'federation server': chainsIn(services.federation.child.said, agent.entity),
    'MCP server': chainsIn(services.mcp.child.said, agent.entity),
  };
  for (const [name, chains] of Object.entries(written)) {
    say.got(`chain, in the log of the ${name}:`);
    for (const chain of chains) say.more(chain);
  }
  return written;
}

const verifyAll = (stage: Stage, { anchor, operator }: Registries): Promise<Trail['verified']> =>
  Promise.all(
    [
      { authority: 'acme', at: operator },
      { authority: 'main', at: operator },
      { authority: 'main', at: anchor },
    ].map(async ({ authority, at }) => ({ authority: `${at.child.name}/${authority}`, ...(await verify(stage.scripts, at, authority)) })),
  );
