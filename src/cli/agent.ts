import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { JWK } from 'jose';
import { newNonce } from '../keys/random.js';
import { agentConfiguration, type AgentFile, newPrivateKey, publicHalf, readAgentFile, reserveAgentFile, signedWith } from './agent-file.js';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';
import { AGAIN, askJoin } from './join-client.js';
import { keysIn } from './key-prove.js';
import { duration } from './kinds.js';
import { clean, green, out, table, talk, when, yellow } from './output.js';
import { collect, queryOf, readInput, readJson, show } from './shell.js';

interface AgentView {
  readonly id: string;
  readonly name: string;
  readonly entity_id: string;
  readonly client_id: string | null;
  readonly state: string;
  readonly scopes: readonly string[];
  readonly ends_at: number | null;
  readonly already?: boolean;
}
interface AgentsView {
  readonly items: readonly AgentView[];
  readonly next_cursor: string | null;
  readonly authority: string;
  readonly stands: boolean;
  readonly agents: number;
  readonly max_agents: number;
  readonly made_within_a_day: number;
  readonly max_per_day: number;
  readonly max_life: number;
}

/** Who asks, and whom. */
interface Asking {
  readonly as: string;
  readonly at: string;
  readonly key: string;
}
const withAsking = (command: Command): Command =>
  command
    .requiredOption('--as <entity-id>', 'your entity identifier: of the member that keeps the agents')
    .requiredOption('--at <entity-id>', 'the entity identifier of the authority whose member you are')
    .requiredOption('--key <file>', 'your private federation key as a JWK; it stays here');

const isJson = (command: Command): boolean => command.optsWithGlobals<{ json?: boolean }>().json === true;
const seconds = (): number => Math.floor(Date.now() / 1000);

/** `private_key_jwt` (OpenID Federation 1.0 §8.8): good for a minute, once. */
function assertion({ as, at }: Asking, key: JWK): Promise<string> {
  const now = seconds();
  return signedWith(key, 'JWT', { iss: as, sub: as, aud: at, jti: randomUUID(), iat: now, exp: now + 60 });
}

type Ask = <T>(method: 'GET' | 'POST', path: string, body?: unknown, once?: string) => Promise<T>;

/** The join API of the authority, asked as the member; what nobody answered is sent again, with another assertion. @throws CliError */
function askingAs(asking: Asking, command: Command): Ask {
  const { url } = command.optsWithGlobals<{ url?: string }>();
  const server = new URL(url ?? asking.at).origin;
  const [key] = keysIn(asking.key);
  const ask = async <T>(method: 'GET' | 'POST', path: string, body: unknown, once: string | undefined, [wait, ...more]: readonly number[]): Promise<T> => {
    try {
      return await askJoin<T>(server, await assertion(asking, key as JWK), method, path, body, once);
    } catch (error) {
      if (wait === undefined || !(error instanceof CliError) || error.exitCode !== EXIT.unreachable) throw error;
      await new Promise((after) => setTimeout(after, wait));
      return ask<T>(method, path, body, once, more);
    }
  };
  return (method, path, body, once) => ask(method, path, body, once, method === 'GET' || once !== undefined ? AGAIN : []);
}

const colored = (state: string): string => (state === 'active' ? green(state) : yellow(state));
const named = (one: string): string => encodeURIComponent(one);

function describe(one: AgentView): void {
  out(`${clean(one.name)}  ${colored(one.state)}${one.ends_at === null ? '' : `, until ${when(one.ends_at)}`}`);
  out(`  entity  ${clean(one.entity_id)}`);
  if (one.client_id !== null) out(`  client  ${clean(one.client_id)}`);
  if (one.scopes.length) out(`  scope   ${one.scopes.map(clean).join(' ')}`);
}

interface Creating extends Asking {
  readonly scope: string[];
  readonly entitlements?: string;
  readonly life?: number;
  readonly type: 'oauth_client' | 'oauth_resource';
  readonly metadata?: string;
  readonly entityConfiguration?: string;
  readonly sponsorName?: string;
  readonly sponsorEmail?: string;
  readonly file?: string;
  readonly dryRun?: boolean;
}

/** What the agent says of itself: what was given, and for a client how it proves itself. */
function metadataOf(name: string, { type, metadata }: Creating, clientKey: JWK): Readonly<Record<string, unknown>> {
  const given = metadata === undefined ? {} : (readJson(metadata) as object);
  const usual = {
    client_name: name,
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [publicHalf(clientKey)] },
  };
  return { [type]: type === 'oauth_client' ? { ...usual, ...given } : given };
}

/** `agent`: the side of a member that keeps agents in an authority of its own. It needs its federation key and no API key. */
export function agentCommands(program: Command): void {
  const agent = program.command('agent').description('your own agents, made and retired by yourself: for members; needs no API key');
  withAsking(agent.command('create <name>').description('make an agent: its keys are made here and kept in a file, and it is in force at once'))
    .option('--scope <scope>', 'a scope that it may ask for; repeat for several', collect, [])
    .option('--entitlements <file>', 'a list of entitlements (JSON), beside the scopes')
    .option('--life <duration>', 'how long it lives: 1d, 12h, or seconds; left out: as long as agents may', duration)
    .option('--type <type>', 'oauth_client or oauth_resource', 'oauth_client')
    .option('--metadata <file>', 'its metadata of that type (JSON)')
    .option('--entity-configuration <file>', 'one that it has signed itself; then no keys are made')
    .option('--sponsor-name <name>', 'who answers for it; with --sponsor-email')
    .option('--sponsor-email <address>', 'his address')
    .option('--file <file>', 'where its keys are kept, mode 0600; left out: <name>.agent.json')
    .option('--dry-run', 'show what would be sent, and send nothing')
    .action(async (name: string, options: Creating, command: Command) => {
      if (!['oauth_client', 'oauth_resource'].includes(options.type)) throw new CliError(EXIT.usage, '--type: oauth_client or oauth_resource');
      if ((options.sponsorName === undefined) !== (options.sponsorEmail === undefined))
        throw new CliError(EXIT.usage, 'give --sponsor-name and --sponsor-email');
      const ask = askingAs(options, command);
      const { authority, max_life: most } = await ask<AgentsView>('GET', '/agents?limit=1');
      const body = {
        name,
        ...(options.scope.length && { scopes: options.scope }),
        ...(options.entitlements !== undefined && { entitlements: readJson(options.entitlements) }),
        ...(options.life !== undefined && { life: options.life }),
        ...(options.sponsorName !== undefined && { sponsor: { name: options.sponsorName, email: options.sponsorEmail } }),
      };
      if (options.dryRun)
        return show(isJson(command), body, () => talk(`Dry run: nothing was sent. It would be made below ${clean(authority)}: ${clean(JSON.stringify(body))}`));
      const send = (configuration: string) => ask<AgentView>('POST', '/agents', { ...body, entity_configuration: configuration }, newNonce());
      if (options.entityConfiguration !== undefined) {
        const one = await send(readInput(options.entityConfiguration).trim());
        return show(isJson(command), one, () => describe(one));
      }
      const file = options.file ?? `${name}.agent.json`;
      const { keep, drop } = reserveAgentFile(file);
      try {
        const [federation_key, client_key] = [await newPrivateKey(), await newPrivateKey()];
        const own: AgentFile = {
          entity_id: `${authority.replace(/\/$/, '')}/agents/${name}`,
          client_id: null,
          federation_key,
          client_key,
          metadata: metadataOf(name, options, client_key),
        };
        keep(own);
        const iat = seconds();
        const one = await send(await agentConfiguration(own, authority, { iat, exp: iat + (options.life ?? most) }));
        keep({ ...own, client_id: one.client_id });
        show(isJson(command), { ...one, file }, () => {
          describe(one);
          talk(`Its private keys are kept in ${file}: give it to the agent, and to nobody else.`);
        });
      } catch (error) {
        // It may have been made all the same.
        if (!(error instanceof CliError && error.exitCode === EXIT.unreachable)) drop();
        throw error;
      }
    });
  withAsking(agent.command('list').description('your agents, those that have ended too, and how many there may be'))
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (options: Asking & { limit: string; cursor?: string }, command: Command) => {
      const { limit, cursor } = options;
      const page = await askingAs(options, command)<AgentsView>('GET', `/agents?${queryOf({ limit, ...(cursor !== undefined && { cursor }) })}`);
      show(isJson(command), page, () => {
        if (page.items.length)
          out(
            table(
              ['name', 'state', 'until', 'scope'],
              page.items.map((one) => [clean(one.name), colored(one.state), one.ends_at === null ? '—' : when(one.ends_at), one.scopes.map(clean).join(' ')]),
            ),
          );
        talk(
          `${page.agents} of ${page.max_agents} live below ${clean(page.authority)}; ${page.made_within_a_day} of ${page.max_per_day} were made within a day.${page.stands ? '' : ' None is served: the authority is not in force.'}`,
        );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
  withAsking(agent.command('show <agent>').description('one of your agents, by name or id')).action(async (id: string, options: Asking, command: Command) => {
    const one = await askingAs(options, command)<AgentView>('GET', `/agents/${named(id)}`);
    show(isJson(command), one, () => describe(one));
  });
  withAsking(agent.command('renew <agent>').description('say that an agent is still needed, before it ends'))
    .option('--life <duration>', 'how long it lives from now on: 1d, 12h, or seconds; left out: as long as agents may', duration)
    .option('--file <file>', 'where its keys are kept: it signs what it says of itself anew, for that time')
    .action(async (id: string, options: Asking & { life?: number; file?: string }, command: Command) => {
      const ask = askingAs(options, command);
      const iat = seconds();
      const anew = async (file: string) => {
        const { authority, max_life: most } = await ask<AgentsView>('GET', '/agents?limit=1');
        return { entity_configuration: await agentConfiguration(readAgentFile(file), authority, { iat, exp: iat + (options.life ?? most) }) };
      };
      const body = { ...(options.life !== undefined && { life: options.life }), ...(options.file !== undefined && (await anew(options.file))) };
      const one = await ask<AgentView>('POST', `/agents/${named(id)}/renew`, body);
      show(isJson(command), one, () => describe(one));
    });
  withAsking(agent.command('retire <agent>').description('end an agent: it is gone at once, and its name and keys never come back'))
    .option('--reason <text>', 'why; it stands in the audit trail')
    .action(async (id: string, options: Asking & { reason?: string }, command: Command) => {
      const one = await askingAs(options, command)<AgentView>(
        'POST',
        `/agents/${named(id)}/retire`,
        options.reason === undefined ? {} : { reason: options.reason },
      );
      show(isJson(command), one, () => {
        describe(one);
        if (one.already) talk('It had ended before.');
      });
    });
}
