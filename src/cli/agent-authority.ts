import type { Command } from 'commander';
import { CliError } from './client.js';
import { EXIT } from './exit-codes.js';
import { duration, timeOrDuration, whole } from './kinds.js';
import { clean, green, out, red, table, talk, yellow } from './output.js';
import { collect, confirm, globals, type Page, path, readJson, show } from './shell.js';

interface AgentAuthorityView {
  readonly slug: string;
  readonly entity_id: string;
  readonly state: string;
  readonly below: string;
  readonly member: string | null;
  readonly membership: string | null;
  readonly stands: boolean;
  readonly agents: number;
  readonly made_within_a_day: number;
  readonly max_agents: number;
  readonly max_per_day: number;
  readonly max_life: number;
  readonly entitlements: readonly { readonly kind: string; readonly value: string }[] | null;
  readonly bundles: readonly string[];
  readonly v: number;
}
interface Limits {
  readonly maxAgents?: number;
  readonly maxPerDay?: number;
  readonly maxLife?: number;
}

const DAY = 86_400;
/** Days where it is whole days, else hours or seconds. */
const span = (seconds: number): string => (seconds % DAY === 0 ? `${seconds / DAY}d` : seconds % 3600 === 0 ? `${seconds / 3600}h` : `${seconds}s`);

const withLimits = (command: Command): Command =>
  command
    .option('--max-agents <n>', 'how many live at once', whole)
    .option('--max-per-day <n>', 'how many are made within a day', whole)
    .option('--max-life <duration>', 'for how long one is made or renewed at most: 30d, 12h, or seconds', duration);
const limitsOf = ({ maxAgents, maxPerDay, maxLife }: Limits) => ({
  ...(maxAgents !== undefined && { max_agents: maxAgents }),
  ...(maxPerDay !== undefined && { max_per_day: maxPerDay }),
  ...(maxLife !== undefined && { max_life: maxLife }),
});

/** In force, or what it is or waits for. */
function standing({ stands, state, membership }: AgentAuthorityView): string {
  if (stands) return green('in force');
  if (state !== 'active') return red(state);
  return yellow(membership === 'active' ? 'not in force: the member or the authority above is not' : `its membership is ${membership ?? 'gone'}`);
}

function describe(one: AgentAuthorityView): void {
  out(`${one.slug}  ${clean(one.entity_id)}  ${standing(one)}`);
  out(`  below    ${one.below}`);
  out(`  member   ${clean(one.member ?? '—')}`);
  out(
    `  agents   ${one.agents} of ${one.max_agents}; ${one.made_within_a_day} of ${one.max_per_day} made within a day; each lives ${span(one.max_life)} at most`,
  );
  const given = [...(one.entitlements ?? []).map(({ kind, value }) => `${kind} ${clean(value)}`), ...one.bundles.map((name) => `bundle ${clean(name)}`)];
  out(`  may      ${given.join(', ') || (one.entitlements === null ? 'anything' : 'nothing')}`);
}

/** `agent-authority`: an authority for the agents of a member. What is in it is the member's own: `agent`. */
export function agentAuthorityCommands(program: Command): void {
  const own = program.command('agent-authority').description('authorities in which members make and retire their own agents');
  withLimits(
    own
      .command('create <member>')
      .description('give a member an authority of its own below this one, for its agents; undone by retire')
      .requiredOption('--slug <slug>', 'of the new authority, which is the path of that name below this one'),
  )
    .option('--scope <scope>', 'a scope that agents may have; repeat for several; left out with the next two: what the member may', collect, [])
    .option('--bundle <name>', 'a bundle of entitlements that agents may have; repeat for several', collect, [])
    .option('--entitlements <file>', 'a list of entitlements that agents may have (JSON)')
    .option('--organization-name <name>', 'for people; left out: the name of the organization')
    .option('--statement-lifetime <duration>', 'of statements about agents; left out: 1h', duration)
    .option('--valid-until <time>', 'when it is vouched for no longer: 2027-12-31 (UTC), or how far away: 365d', timeOrDuration)
    .action(
      async (
        member: string,
        options: Limits & {
          slug: string;
          scope: string[];
          bundle: string[];
          entitlements?: string;
          organizationName?: string;
          statementLifetime?: number;
          validUntil?: number;
        },
        command: Command,
      ) => {
        const { client, json, authority } = globals(command);
        const body = {
          member,
          slug: options.slug,
          ...limitsOf(options),
          ...(options.scope.length && { scopes: options.scope }),
          ...(options.bundle.length && { bundles: options.bundle }),
          ...(options.entitlements !== undefined && { entitlements: readJson(options.entitlements) }),
          ...(options.organizationName !== undefined && { organization_name: options.organizationName }),
          ...(options.statementLifetime !== undefined && { statement_lifetime: options.statementLifetime }),
          ...(options.validUntil !== undefined && { valid_until: options.validUntil }),
        };
        const one = await client.send<AgentAuthorityView>('POST', path('authorities', authority, 'agent-authorities'), body);
        show(json, one, () => {
          describe(one);
          if (one.membership !== 'active') talk(`Two persons approve it: npx holdfast member approve ${clean(one.entity_id)}, then member activate`);
          else talk(`The member makes its agents itself: npx holdfast agent create <name> --as ${clean(one.member ?? '')} --at … --key <its federation key>`);
        });
      },
    );
  own
    .command('list')
    .description('authorities for agents below this one, with how many live in each')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<AgentAuthorityView>>(path('authorities', authority, 'agent-authorities'));
      show(json, page, () => {
        if (page.items.length === 0) talk('None yet. Make one: npx holdfast agent-authority create <member> --slug <slug>');
        else
          out(
            table(
              ['slug', 'member', 'agents', 'life', 'state'],
              page.items.map((one) => [one.slug, clean(one.member ?? '—'), `${one.agents} of ${one.max_agents}`, span(one.max_life), standing(one)]),
            ),
          );
      });
    });
  own
    .command('show <slug>')
    .description('one of them: whose, how many agents there may be, what they may ask for, whether it is in force')
    .action(async (slug: string, _options: object, command: Command) => {
      const { client, json } = globals(command);
      const one = await client.get<AgentAuthorityView>(path('authorities', slug, 'agent-limits'));
      show(json, one, () => describe(one));
    });
  withLimits(own.command('change <slug>').description('change how many agents there may be, for how long, or which member makes them; more takes the quorum'))
    .option('--member <member>', 'another member of the same organization makes and retires them')
    .option('--seen <version>', 'refuse when the authority has another version than this', whole)
    .action(async (slug: string, options: Limits & { member?: string; seen?: number }, command: Command) => {
      const { client, json } = globals(command);
      const body = { ...limitsOf(options), ...(options.member !== undefined && { member: options.member }) };
      if (Object.keys(body).length === 0) throw new CliError(EXIT.usage, 'nothing to change: say what, such as --max-agents 50');
      const one = await client.send<AgentAuthorityView>('PATCH', path('authorities', slug, 'agent-limits'), {
        ...body,
        ...(options.seen !== undefined && { v: options.seen }),
      });
      show(json, one, () => describe(one));
    });
  own
    .command('retire <slug>')
    .description('end it for good: no agent of it is served from then on')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .option('--yes <slug>', 'confirm by repeating the slug')
    .action(async (slug: string, options: { reason: string; yes?: string }, command: Command) => {
      const { client, json } = globals(command);
      const { agents } = await client.get<AgentAuthorityView>(path('authorities', slug, 'agent-limits'));
      await confirm(slug, options.yes, `This ends the authority and its ${agents} agents for good; it cannot be undone: ${slug}`, 'the slug');
      await client.send('POST', path('authorities', slug, 'retire'), { reason: options.reason });
      const one = await client.get<AgentAuthorityView>(path('authorities', slug, 'agent-limits'));
      show(json, one, () => describe(one));
    });
}
