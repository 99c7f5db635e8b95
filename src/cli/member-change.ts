import type { Command } from 'commander';
import { CliError } from './client.js';
import { duration, timeOrDuration, whole } from './kinds.js';
import { base, describe, DOMAIN_CONTROL, type MemberView, shownBy } from './member-view.js';
import { clean, out, talkFindings } from './output.js';
import { collect, globals, readJson, show } from './shell.js';

interface ChangeOptions {
  readonly metadata?: string;
  readonly constraints?: string;
  readonly claims?: string;
  readonly crit: string[];
  readonly type: string[];
  readonly organization?: string;
  readonly intermediate?: boolean;
  readonly statementLifetime?: number;
  readonly validUntil?: number;
  readonly ecLocation?: string;
  readonly domainControl?: string;
  readonly unset: string[];
  readonly seen?: number;
}

/** What a field is when nothing is said in it. */
const EMPTY: Readonly<Record<string, unknown>> = {
  metadata: {},
  constraints: {},
  claims: {},
  crit: [],
  entity_types: [],
  organization: null,
  statement_lifetime: null,
  valid_until: null,
  ec_location: null,
};

function unset(names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.map((given) => {
      const name = given.toLowerCase().replaceAll('-', '_');
      if (!Object.hasOwn(EMPTY, name)) throw new CliError(2, `--unset takes ${Object.keys(EMPTY).join(', ')}, not ${given.slice(0, 40)}`);
      return [name, EMPTY[name]];
    }),
  );
}

/** The body of PATCH …/members/{id} from the options given. */
function changes(options: ChangeOptions): Record<string, unknown> {
  const { statementLifetime: lifetime, validUntil: until } = options;
  return {
    ...unset(options.unset),
    ...(options.metadata !== undefined && { metadata: readJson(options.metadata) }),
    ...(options.constraints !== undefined && { constraints: readJson(options.constraints) }),
    ...(options.claims !== undefined && { claims: readJson(options.claims) }),
    ...(options.crit.length && { crit: options.crit }),
    ...(options.type.length && { entity_types: options.type }),
    ...(options.organization !== undefined && { organization: options.organization }),
    ...(options.intermediate !== undefined && { intermediate: options.intermediate }),
    ...(lifetime !== undefined && { statement_lifetime: lifetime }),
    ...(until !== undefined && { valid_until: until }),
    ...(options.ecLocation !== undefined && { ec_location: options.ecLocation }),
    ...shownBy(options.domainControl),
  };
}

const text = (value: unknown): string => (value === undefined || value === null ? '—' : JSON.stringify(value));

async function changeMember(id: string, options: ChangeOptions, command: Command): Promise<void> {
  const { client, authority, json } = globals(command);
  const body = changes(options);
  if (Object.keys(body).length === 0) throw new CliError(2, 'nothing to change: say what, such as --metadata file.json or --unset constraints');
  const before = await client.get<MemberView & Record<string, unknown>>(base(authority, id));
  const was = Object.fromEntries(Object.keys(body).map((name) => [name, before[name] ?? null]));
  const different = Object.keys(body).filter((name) => text(was[name]) !== text(body[name]));
  if (!json)
    for (const name of different) {
      out(`  ${name}`);
      out(`    - ${clean(text(was[name]))}`);
      out(`    + ${clean(text(body[name]))}`);
    }
  // What was shown is what is changed: not what somebody else made of it meanwhile.
  const v = options.seen ?? before.v;
  const one = await client.send<MemberView>('PATCH', base(authority, before.id), { ...body, v });
  show(json, one, () => {
    describe(one);
    talkFindings(one.findings);
  });
}

/** `member change`. */
export function changeCommand(member: Command): void {
  member
    .command('change <id>')
    .description('change what we say about a member; shows what changes')
    .option('--metadata <file>', 'metadata in its statement, in place of what is there (JSON)')
    .option('--constraints <file>', 'constraints in its statement (JSON)')
    .option('--claims <file>', 'further claims of its statement (JSON)')
    .option('--crit <claim>', 'a further claim that must be understood; repeat for several', collect, [])
    .option('--type <type>', 'entity type; repeat for several', collect, [])
    .option('--organization <name>', 'the legal body: id or legal name')
    .option('--intermediate', 'it has subordinates of its own')
    .option('--no-intermediate', 'it has none')
    .option('--statement-lifetime <duration>', 'of the statement about it: 12h, 30d, or seconds', duration)
    .option('--valid-until <time>', 'no statement outlives it: 2027-12-31 (UTC), 2027-12-31T18:00:00Z, or how far away: 90d', timeOrDuration)
    .option('--ec-location <url>', 'where it publishes its entity configuration')
    .option('--domain-control <how>', DOMAIN_CONTROL)
    .option('--unset <name>', `say nothing in it any more: ${Object.keys(EMPTY).join(', ')}; repeat for several`, collect, [])
    .option('--seen <version>', 'refuse when the member has another version than this (member show)', whole)
    .action(changeMember);
}
