import { isDryRun } from './dry-run.js';
import type { Command } from 'commander';
import type { Finding } from '../federation/entry.js';
import { CliError } from './client.js';
import { exitOfErrors } from './exit-codes.js';
import { duration, timeOrDuration } from './kinds.js';
import { inspectStatement } from './inspect.js';
import { base, describe, DOMAIN_CONTROL, type MemberView, shownBy } from './member-view.js';
import { green, out, showFindings, talk, talkFindings } from './output.js';
import { collect, globals, path, readInput, readJson, show } from './shell.js';

interface Report {
  readonly ok: boolean;
  readonly entity_types: readonly string[];
  readonly findings: readonly (Finding & { readonly severity: string })[];
  readonly waivable: readonly string[];
}

interface EnrollOptions {
  readonly jwks?: string;
  readonly pem?: string;
  readonly entityConfiguration?: string;
  readonly type: string[];
  readonly intermediate?: boolean;
  readonly metadata?: string;
  readonly constraints?: string;
  readonly claims?: string;
  readonly crit: string[];
  readonly statementLifetime?: number;
  readonly validUntil?: number;
  readonly organization?: string;
  readonly vetting?: boolean;
  readonly readmit?: string;
  readonly waive: string[];
  readonly ecLocation?: string;
  readonly domainControl?: string;
  readonly scope: string[];
  readonly bundle: string[];
  readonly entitlements?: string;
  readonly vouchedIssuers?: string;
}

async function enroll(entityId: string, options: EnrollOptions, command: Command): Promise<void> {
  const { client, authority, json } = globals(command);
  const offline = options.jwks !== undefined || options.pem !== undefined;
  const configuration = options.entityConfiguration === undefined ? undefined : readInput(options.entityConfiguration).trim();
  if (!offline) {
    const report = await client.ask<Report>(path('authorities', authority, 'preflight'), {
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
  }
  const made = await client.send<MemberView>('POST', base(authority), enrollment(entityId, options, configuration));
  // Of a dry run there is nothing to look up.
  const member =
    made.organization_id === null || isDryRun() ? made : { ...made, organization: (await client.get<MemberView>(base(authority, made.id))).organization ?? '' };
  const statement = member.state === 'active' && !isDryRun() ? await client.get<{ compact: string }>(base(authority, member.id, 'statement')) : undefined;
  const { findings = [], ...enrolled } = member;
  show(json, { member: enrolled, statement: statement?.compact ?? null, findings }, () => {
    talk(green(isDryRun() ? 'It would be enrolled.' : 'Enrolled.'));
    if (offline) talkFindings(findings); // pre-flight has shown the others
    describe(member);
    if (statement) inspectStatement(statement.compact);
    else if (!isDryRun()) talk(`Nothing is signed yet. Next: npx holdfast member approve ${entityId} && npx holdfast member activate ${entityId}`);
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
    ...(options.claims !== undefined && { claims: readJson(options.claims) }),
    ...(options.crit.length && { crit: options.crit }),
    ...(options.statementLifetime !== undefined && { statement_lifetime: options.statementLifetime }),
    ...(options.validUntil !== undefined && { valid_until: options.validUntil }),
    ...(options.organization !== undefined && { organization: options.organization }),
    ...(options.waive.length && { waive: options.waive }),
    ...(options.ecLocation !== undefined && { ec_location: options.ecLocation }),
    ...shownBy(options.domainControl),
    ...(options.entitlements !== undefined && { entitlements: readJson(options.entitlements) }),
    ...(options.vouchedIssuers !== undefined && { vouched_issuers: readJson(options.vouchedIssuers) }),
    ...(options.scope.length && { scopes: options.scope }),
    ...(options.bundle.length && { bundles: options.bundle }),
    ...(options.readmit !== undefined && { readmit: options.readmit }),
    activate: options.vetting !== true,
  };
}

/** `member enroll` and `member preflight`. */
export function enrollCommands(member: Command): void {
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
    .option('--claims <file>', 'further claims of the statement (JSON)')
    .option('--crit <claim>', 'a further claim that must be understood; repeat for several', collect, [])
    .option('--statement-lifetime <duration>', 'of the statement about it: 12h, 30d, or seconds', duration)
    .option('--valid-until <time>', 'no statement outlives it: 2027-12-31 (UTC), 2027-12-31T18:00:00Z, or how far away: 90d', timeOrDuration)
    .option('--organization <name>', 'the legal body: id or legal name')
    .option('--vetting', 'do not activate: the member waits in state vetting')
    .option('--readmit <reason>', 'take back a member that was revoked or archived')
    .option(
      '--waive <code>',
      'accept a finding by name: policy_violation, policy_operator_type, key_of_authority, key_halted, identifier_respelled; repeat for several',
      collect,
      [],
    )
    .option('--ec-location <url>', 'where it publishes its entity configuration, when not at its well-known URL')
    .option('--domain-control <how>', DOMAIN_CONTROL)
    .option(
      '--scope <scope>',
      'a scope that it may ask for; repeat for several. With scopes, --bundle or --entitlements it may ask for nothing else',
      collect,
      [],
    )
    .option('--bundle <name>', 'a bundle of entitlements; repeat for several', collect, [])
    .option('--entitlements <file>', 'a JSON list of what it may ask for (entitlement set --help)')
    .option('--vouched-issuers <file>', 'a JSON list of issuers that it stands for, as in an export (issuer add --help)')
    .action(enroll);
  member
    .command('preflight <entity-id>')
    .description("check an entity against this authority's rules; changes nothing")
    .option('--profile <name>', 'and against a profile')
    .option('--entity-configuration <file>', 'its entity configuration, instead of fetching it')
    .action(async (entityId: string, { profile, entityConfiguration }: { profile?: string; entityConfiguration?: string }, command: Command) => {
      const { client, authority, json } = globals(command);
      const report = await client.ask<Report>(path('authorities', authority, 'preflight'), {
        entity_id: entityId,
        ...(profile !== undefined && { profile }),
        ...(entityConfiguration !== undefined && { entity_configuration: readInput(entityConfiguration).trim() }),
      });
      show(json, report, () => out(report.findings.length ? showFindings(report.findings) : green('no findings')));
      if (!report.ok) process.exitCode = exitOfErrors(report.findings.filter(({ severity }) => severity === 'error'));
    });
}
