import type { Command } from 'commander';
import type { Finding } from '../federation/entry.js';
import { CliError } from './client.js';
import { exitOfErrors } from './exit-codes.js';
import { whole } from './kinds.js';
import { interruptible } from './waiting.js';
import { inspectStatement } from './inspect.js';
import { clean, green, out, pass, progress, progressEnds, red, showFindings, table, talk, talkFindings, when, yellow } from './output.js';
import { collect, confirm, globals, path, readInput, readJson, show } from './shell.js';
import { watchMemberCommands } from './watch-members.js';

export interface MemberView {
  readonly id: string;
  readonly entity_id: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly entity_types: readonly string[];
  readonly intermediate: boolean;
  readonly organization_id: string | null;
  readonly jwks: { readonly keys: readonly { readonly kid: string; readonly kty: string }[] };
  readonly created_at: number;
  readonly updated_at: number;
  readonly v: number;
  readonly already?: boolean;
  readonly findings?: Report['findings'];
}
interface Report {
  readonly ok: boolean;
  readonly entity_types: readonly string[];
  readonly findings: readonly (Finding & { readonly severity: string })[];
  readonly waivable: readonly string[];
}

const color = (state: string) => (state === 'active' ? green(state) : state === 'suspended' || state === 'revoked' ? red(state) : yellow(state));
const base = (authority: string, ...more: string[]) => path('authorities', authority, 'members', ...more);

function describe(member: MemberView): void {
  out(`${clean(member.entity_id)}  ${color(member.state)}`);
  out(`  id        ${member.id}`);
  out(`  types     ${member.entity_types.join(', ') || '—'}${member.intermediate ? ' (intermediate)' : ''}`);
  out(`  keys      ${member.jwks.keys.map(({ kid, kty }) => `${kid} (${kty})`).join(', ')}`);
  if (member.state_reason) out(`  reason    ${clean(member.state_reason)}`);
  out(`  enrolled  ${when(member.created_at)}`);
  out(`  version   ${member.v}`);
}

const DOMAIN_CONTROL = 'how it shows that it may use its domain: "well-known" (a token under its host), or the reason why you vouch for it';
const shownBy = (text: string | undefined): object =>
  text === undefined ? {} : { domain_control: text === 'well-known' ? { method: 'well_known' } : { method: 'operator', reason: text } };

interface EnrollOptions {
  readonly jwks?: string;
  readonly pem?: string;
  readonly entityConfiguration?: string;
  readonly type: string[];
  readonly intermediate?: boolean;
  readonly metadata?: string;
  readonly constraints?: string;
  readonly organization?: string;
  readonly vetting?: boolean;
  readonly readmit?: string;
  readonly waive: string[];
  readonly ecLocation?: string;
  readonly domainControl?: string;
  readonly dryRun?: boolean;
}

async function enroll(entityId: string, options: EnrollOptions, command: Command): Promise<void> {
  const { client, authority, json } = globals(command);
  const offline = options.jwks !== undefined || options.pem !== undefined;
  const configuration = options.entityConfiguration === undefined ? undefined : readInput(options.entityConfiguration).trim();
  if (!offline) {
    const report = await client.send<Report>('POST', path('authorities', authority, 'preflight'), {
      entity_id: entityId,
      ...(configuration !== undefined && { entity_configuration: configuration }),
    });
    if (!json) {
      talk(`Pre-flight of ${entityId}: ${report.findings.length === 0 ? green('no findings') : `${report.findings.length} finding(s)`}`);
      if (report.findings.length) talk(showFindings(report.findings));
    }
    const blocking = report.findings.filter(({ severity, code }) => severity === 'error' && !(options.waive.includes(code) && report.waivable.includes(code)));
    if (blocking.length)
      throw new CliError(exitOfErrors(blocking), notEnrolled(blocking, report.waivable, configuration !== undefined), json ? report.findings : [], 'findings');
    if (options.dryRun) return show(json, report, () => talk('Dry run: nothing was changed.'));
  } else if (options.dryRun) throw new CliError(2, '--dry-run shows what pre-flight finds; with --jwks or --pem there is none');
  const member = await client.send<MemberView>('POST', base(authority), enrollment(entityId, options, configuration));
  const statement = member.state === 'active' ? await client.get<{ compact: string }>(base(authority, member.id, 'statement')) : undefined;
  const { findings = [], ...enrolled } = member;
  show(json, { member: enrolled, statement: statement?.compact ?? null, findings }, () => {
    talk(green('Enrolled.'));
    if (offline) talkFindings(findings); // pre-flight has shown the others
    describe(member);
    if (statement) inspectStatement(statement.compact);
    else talk(`Nothing is signed yet. Next: npx holdfast member approve ${entityId} && npx holdfast member activate ${entityId}`);
  });
}

/** Findings of an entity configuration that never came: it can be sent along. */
const NOT_READ = ['fetch_refused', 'fetch_failed', 'redirect_refused', 'status_unexpected', 'content_type_wrong', 'content_encoding_refused'];

/** Why, and the ways out that there are for just these errors. */
function notEnrolled(errors: Report['findings'], waivable: readonly string[], given: boolean): string {
  const codes = [...new Set(errors.map(({ code }) => code as string))];
  const ways = ['Mend them'];
  if (!codes.includes('entity_id_invalid')) {
    if (!given && codes.every((code) => NOT_READ.includes(code))) ways.push('send its configuration (--entity-configuration)');
    ways.push('give its keys yourself (--jwks, --pem)');
  }
  const accepted = codes.filter((code) => waivable.includes(code));
  const rest = codes.filter((code) => !waivable.includes(code));
  if (accepted.length) ways.push(`accept by name what can be waived (${accepted.map((code) => `--waive ${code}`).join(' ')})`);
  const last = ways.pop();
  const stubborn = rest.length ? ` (${rest.join(', ')} cannot be waived)` : '';
  return `not enrolled: ${errors.length} error(s)${stubborn}. ${ways.length ? `${ways.join(', ')}, or ${last}` : last}`;
}

/** The body of POST …/members from the options given. */
function enrollment(entityId: string, options: EnrollOptions, configuration: string | undefined): object {
  return {
    entity_id: entityId,
    ...(options.jwks !== undefined && { jwks: readJson(options.jwks) }),
    ...(options.pem !== undefined && { pem: readInput(options.pem) }),
    ...(configuration !== undefined && { entity_configuration: configuration }),
    ...(options.type.length && { entity_types: options.type }),
    ...(options.intermediate && { intermediate: true }),
    ...(options.metadata !== undefined && { metadata: readJson(options.metadata) }),
    ...(options.constraints !== undefined && { constraints: readJson(options.constraints) }),
    ...(options.organization !== undefined && { organization: options.organization }),
    ...(options.waive.length && { waive: options.waive }),
    ...(options.ecLocation !== undefined && { ec_location: options.ecLocation }),
    ...shownBy(options.domainControl),
    ...(options.readmit !== undefined && { readmit: options.readmit }),
    activate: options.vetting !== true,
  };
}

interface ImportJob {
  readonly id: string;
  readonly state: string;
  readonly done: number;
  readonly total: number;
  readonly refused: number;
}
const LINES_PER_REQUEST = 500;
/** Half a million members; the longest text that V8 holds is about as long. */
const MAX_IMPORT_BYTES = 500 * 1024 * 1024;

async function importMembers(file: string, options: { readonly dryRun?: boolean; readonly job?: string }, command: Command): Promise<void> {
  const { client, authority, json } = globals(command);
  const csv = file.endsWith('.csv');
  const lines = readInput(file, MAX_IMPORT_BYTES).split('\n');
  while (lines.at(-1)?.trim() === '') lines.pop();
  const root = ['authorities', authority];
  let job =
    options.job === undefined
      ? await client.send<ImportJob>('POST', path(...root, 'imports'), {
          dry_run: options.dryRun === true,
          total: csv ? Math.max(0, lines.length - 1) : lines.length,
        })
      : await client.get<ImportJob>(path(...root, 'jobs', options.job));
  talk(`Import ${job.id}${options.dryRun ? ' (dry run: nothing is changed)' : ''}; if it is interrupted, go on with --job ${job.id}`);
  const to = path(...root, 'imports', job.id, 'lines');
  const running = job.id;
  await interruptible(
    () => `stopped after ${job.done} lines, which stand. Go on with: npx holdfast member import ${file} --job ${running}${options.dryRun ? ' --dry-run' : ''}`,
    async () => {
      if (csv) job = await client.send<ImportJob>('POST', to, lines.join('\n'), { 'content-type': 'text/csv' });
      for (let at = job.done; !csv && at < lines.length; at += LINES_PER_REQUEST) {
        job = await client.send<ImportJob>('POST', `${to}?first_line=${at + 1}`, lines.slice(at, at + LINES_PER_REQUEST).join('\n'), {
          'content-type': 'application/x-ndjson',
        });
        progress(`${job.done} of ${lines.length} lines, ${job.refused} refused`);
      }
    },
  ).finally(progressEnds);
  job = await client.send<ImportJob>('POST', path(...root, 'imports', job.id, 'finish'));
  const report: { line: number; entity_id: string | null; severity: string; code: string; detail: string }[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { items: typeof report; next_cursor: string | null } = await client.get(
      `${path(...root, 'jobs', job.id, 'refusals')}?limit=1000${cursor && `&cursor=${cursor}`}`,
    );
    report.push(...page.items);
    cursor = page.next_cursor;
  }
  const [refusals, warnings] = [report.filter(({ severity }) => severity !== 'warning'), report.filter(({ severity }) => severity === 'warning')];
  show(json, { job, refusals, warnings }, () => {
    talk(`${job.done} lines read, ${job.done - job.refused} ${options.dryRun ? 'would be enrolled' : 'enrolled'}, ${job.refused} refused`);
    if (report.length)
      out(
        table(
          ['line', 'entity id', '', 'code', 'detail'],
          [...refusals, ...warnings].map((one) => [String(one.line), one.entity_id ?? '—', one.severity, one.code, one.detail]),
        ),
      );
  });
  if (job.refused) process.exitCode = 4;
}

async function list(
  options: {
    readonly state?: string;
    readonly query?: string;
    readonly type?: string;
    readonly organization?: string;
    readonly limit: string;
    readonly cursor?: string;
  },
  command: Command,
): Promise<void> {
  const { client, authority, json } = globals(command);
  const query = new URLSearchParams({ limit: options.limit });
  for (const [name, value] of Object.entries({
    state: options.state,
    q: options.query,
    entity_type: options.type,
    organization: options.organization,
    cursor: options.cursor,
  }))
    if (value !== undefined) query.set(name, value);
  const page = await client.get<{ items: MemberView[]; next_cursor: string | null }>(`${base(authority)}?${query}`);
  show(json, page, () => {
    if (page.items.length === 0) talk('No members match. Enrol one: npx holdfast member enroll <entity-id>');
    else
      out(
        table(
          ['state', 'entity id', 'types', 'since'],
          page.items.map((one) => [one.state, one.entity_id, one.entity_types.join(','), when(one.created_at)]),
        ),
      );
    if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
  });
}

const VERBS: readonly (readonly [name: string, about: string, reason: boolean, destructive: boolean])[] = [
  ['take', 'begin vetting an applicant', false, false],
  ['approve', 'approve a member; nothing is signed yet', false, false],
  ['activate', 'publish the statement about an approved member', false, false],
  ['refuse', 'refuse an applicant', true, false],
  ['withdraw', 'withdraw an application', false, false],
  ['suspend', 'cut a member off at once; needs nothing from it', true, false],
  ['resume', 'take a suspended member back', false, false],
  ['revoke', 'cut a member off for good', true, true],
  ['archive', 'close the record of a member that ended', false, false],
];

const SEEN: Readonly<Record<string, string>> = {
  resume: 'the version you have looked at (member show); needed when the member was changed while it was suspended',
};

export function memberCommands(program: Command): void {
  const member = program.command('member').description('enrol members and move them through their life');
  member
    .command('enroll <entity-id>')
    .description('enrol an entity: pre-flight, bind its keys, publish a statement')
    .option('--jwks <file>', 'its public keys as a JWK Set (no pre-flight)')
    .option('--pem <file>', 'its public keys as PEM (no pre-flight)')
    .option('--entity-configuration <file>', 'its entity configuration, for a member that is not reachable')
    .option('--type <type>', 'entity type; repeat for several', collect, [])
    .option('--intermediate', 'it has subordinates of its own')
    .option('--metadata <file>', 'metadata to put into the statement (JSON)')
    .option('--constraints <file>', 'constraints to put into the statement (JSON)')
    .option('--organization <name>', 'the legal body: id or legal name')
    .option('--vetting', 'do not activate: the member waits in state vetting')
    .option('--readmit <reason>', 'take back a member that was revoked or archived')
    .option(
      '--waive <code>',
      'accept a finding by name: policy_violation, policy_operator_type, key_of_authority, identifier_respelled; repeat for several',
      collect,
      [],
    )
    .option('--ec-location <url>', 'where it publishes its entity configuration, when not at its well-known URL')
    .option('--domain-control <how>', DOMAIN_CONTROL)
    .option('--dry-run', 'show what pre-flight finds and change nothing')
    .addHelpText(
      'after',
      '\nExamples:\n  npx holdfast member enroll https://rp.example.org\n  npx holdfast member enroll https://rp.example.org --jwks keys.json --type openid_relying_party\n  npx holdfast member enroll https://as.example.org --entity-configuration as.jwt --vetting',
    )
    .action(enroll);
  member
    .command('preflight <entity-id>')
    .description("check an entity against this authority's rules; changes nothing")
    .option('--profile <name>', 'and against a profile')
    .action(async (entityId: string, options: { profile?: string }, command: Command) => {
      const { client, authority, json } = globals(command);
      const report = await client.send<Report>('POST', path('authorities', authority, 'preflight'), { entity_id: entityId, ...options });
      show(json, report, () => out(report.findings.length ? showFindings(report.findings) : green('no findings')));
      if (!report.ok) process.exitCode = exitOfErrors(report.findings.filter(({ severity }) => severity === 'error'));
    });
  member
    .command('list')
    .description('search members')
    .option('--state <states>', 'comma separated')
    .option('--query <text>', "part of the identifier or the organization's name")
    .option('--type <type>', 'entity type')
    .option('--organization <id-or-name>', 'of this organization')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(list);
  member
    .command('show <id>')
    .description('one member, by id or entity identifier')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.get<MemberView>(base(authority, id));
      show(json, one, () => {
        describe(one);
        talkFindings(one.findings);
      });
    });
  member
    .command('statement <id>')
    .description('the statement that is published about a member')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, authority, json } = globals(command);
      const statement = await client.get<{ compact: string; withheld: string | null }>(base(authority, id, 'statement'));
      show(json, statement, () => {
        if (statement.withheld !== null) talk(yellow(`Not served until it is signed anew: ${statement.withheld}`));
        inspectStatement(statement.compact);
      });
    });
  member
    .command('history <id>')
    .description('what happened to a member')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, authority, json } = globals(command);
      const page = await client.get<{ items: { seq: number; at: number; type: string; actor: { id: string }; reason: string | null }[] }>(
        `${base(authority, id, 'history')}?limit=1000`,
      );
      show(json, page, () =>
        out(
          table(
            ['event', 'at', 'what', 'by', 'reason'],
            page.items.map((one) => [String(one.seq), when(one.at), one.type, one.actor.id, one.reason ?? '']),
          ),
        ),
      );
    });
  for (const [name, about, needsReason, destructive] of VERBS) {
    const verb = member.command(`${name} <id>`).description(about);
    if (needsReason) verb.requiredOption('--reason <text>', 'why; it stands in the audit trail');
    if (destructive) verb.option('--yes <id>', 'confirm by repeating the id');
    verb.option('--seen <version>', SEEN[name] ?? 'refuse when the member has another version than this (member show)', whole);
    verb.action(async (id: string, options: { reason?: string; yes?: string; seen?: number }, command: Command) => {
      const { client, authority, json } = globals(command);
      if (destructive) await confirm(id, options.yes, `This will ${about}: ${id}`);
      const one = await client.send<MemberView>('POST', base(authority, id, name), {
        ...(options.reason !== undefined && { reason: options.reason }),
        ...(options.seen !== undefined && { v: options.seen }),
      });
      show(json, one, () => {
        talk(one.already ? `already_${one.state}` : `${one.entity_id} is ${one.state} now`);
        describe(one);
      });
    });
  }
  member
    .command('host <id> [file]')
    .description('serve the entity configuration that the member signed (a compact JWT in a file, or -), for leafs without a web server')
    .option('--domain-control <how>', DOMAIN_CONTROL)
    .option('--waive <code>', 'accept by name: identifier_respelled', collect, [])
    .option('--end', 'serve it no longer')
    .action(async (id: string, file: string | undefined, options: { end?: boolean; domainControl?: string; waive: string[] }, command: Command) => {
      const { client, authority, json } = globals(command);
      if (!options.end && file === undefined) throw new CliError(2, 'which configuration? npx holdfast member host <id> <file>');
      const one = options.end
        ? await client.send<MemberView>('DELETE', base(authority, id, 'configuration'))
        : await client.send<MemberView>('PUT', base(authority, id, 'configuration'), {
            entity_configuration: readInput(file ?? '-').trim(),
            ...shownBy(options.domainControl),
            ...(options.waive.length && { waive: options.waive }),
          });
      show(json, one, () => {
        describe(one);
        talkFindings(one.findings);
      });
    });
  member
    .command('locate <id> [url]')
    .description('say in the statement where the member publishes its entity configuration (ec_location), when not at its well-known URL')
    .option('--domain-control <how>', DOMAIN_CONTROL)
    .option('--end', 'it is at the well-known URL again')
    .action(async (id: string, url: string | undefined, options: { end?: boolean; domainControl?: string }, command: Command) => {
      const { client, authority, json } = globals(command);
      if (!options.end && url === undefined) throw new CliError(2, 'where? npx holdfast member locate <id> <url>');
      const one = await client.send<MemberView>('PATCH', base(authority, id), {
        ec_location: options.end ? null : url,
        ...shownBy(options.domainControl),
      });
      show(json, one, () => describe(one));
    });
  watchMemberCommands(member);
  const keys = member.command('keys').description("a member's keys");
  keys
    .command('replace <id>')
    .description('put other keys in the place of the ones bound; you vouch for them')
    .option('--jwks <file>', 'its public keys as a JWK Set')
    .option('--pem <file>', 'its public keys as PEM')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .option('--waive <code>', 'accept by name: key_of_authority', collect, [])
    .action(async (id: string, options: { jwks?: string; pem?: string; reason: string; waive: string[] }, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.send<MemberView>('PUT', base(authority, id, 'keys'), {
        ...(options.jwks !== undefined && { jwks: readJson(options.jwks) }),
        ...(options.pem !== undefined && { pem: readInput(options.pem) }),
        reason: options.reason,
        ...(options.waive.length && { waive: options.waive }),
      });
      show(json, one, () => {
        describe(one);
        talkFindings(one.findings);
      });
    });
  keys
    .command('adopt <id>')
    .description('adopt the keys of a configuration that a known key has signed')
    .option('--entity-configuration <file>', 'instead of fetching it')
    .action(async (id: string, options: { entityConfiguration?: string }, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.send<MemberView>(
        'POST',
        path('authorities', authority, 'members', id, 'keys', 'adopt'),
        options.entityConfiguration === undefined ? {} : { entity_configuration: readInput(options.entityConfiguration).trim() },
      );
      show(json, one, () => {
        describe(one);
        talkFindings(one.findings);
      });
    });
  member
    .command('import <file>')
    .description('enrol many: NDJSON, or CSV with a header row')
    .option('--dry-run', 'say what would be refused; change nothing')
    .option('--job <id>', 'go on with an import that was interrupted')
    .action(importMembers);
  member
    .command('export')
    .description('all members as NDJSON on stdout')
    .action(async (_options: object, command: Command) => {
      const { client, authority } = globals(command);
      for await (const chunk of client.stream(path('authorities', authority, 'export'))) pass(chunk);
    });
}
