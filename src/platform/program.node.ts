import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { accessCommands } from '../cli/access.js';
import { applicationCommands } from '../cli/application.js';
import { agentCommands } from '../cli/agent.js';
import { agentAuthorityCommands } from '../cli/agent-authority.js';
import { applyCommands } from '../cli/apply.js';
import { approvalCommands } from '../cli/approval.js';
import { joinLinkCommands } from '../cli/join-link.js';
import { peopleCommands } from '../cli/people.js';
import { doctorCommand } from '../cli/doctor.js';
import { beginDryRun, endDryRun, offerDryRuns } from '../cli/dry-run.js';
import { completionCommand } from '../cli/completion.js';
import { contextCommands } from '../cli/login.js';
import { clockCommands } from '../cli/clock.js';
import { authorityCommands } from '../cli/authority.js';
import { keyCommands } from '../cli/key.js';
import { accreditationCommands } from '../cli/accreditation.js';
import { evidenceCommands } from '../cli/evidence.js';
import { bundleCommands } from '../cli/bundle.js';
import { entitlementCommands } from '../cli/entitlement.js';
import { issuerCommands } from '../cli/issuer.js';
import { registeringCommands } from '../cli/registering.js';
import { statusListCommands } from '../cli/status-list.js';
import { policyCommands } from '../cli/policy.js';
import { watchingCommands } from '../cli/watch.js';
import { CliError } from '../cli/client.js';
import { auditCommands } from '../cli/audit.js';
import { eventCommands } from '../cli/event.js';
import { showExamples } from '../cli/examples.js';
import { unambiguous } from '../cli/arguments.js';
import { inspectCommand } from '../cli/inspect.js';
import { federationCommands } from '../cli/federation.js';
import { markCommands } from '../cli/mark.js';
import { cuttingCommands } from '../cli/cutting.js';
import { organizationCommands } from '../cli/halt.js';
import { memberCommands } from '../cli/member.js';
import { asCalled, beginOutput, endOutput, multiline, out, setCalled, showWide, talk } from '../cli/output.js';
import { restoreCommands } from '../cli/restore.js';
import { resolveCommand } from '../cli/resolve.js';
import { preflightCommand } from '../cli/preflight.js';
import { EXIT_HELP, exitOfErrors } from '../cli/exit-codes.js';
import { checkKinds } from '../cli/kinds.js';
import { isLoopbackId } from '../cli/entity-id.js';
import { isLoopbackHost } from '../federation/entity-id.js';
import { mediaTypes } from '../federation/entry.js';
import { backupCommands } from './backup-commands.node.js';
import { calledAs } from './called-as.node.js';
import { type Config, readConfig, SETTINGS } from './config.js';
import { databaseFile } from './files.node.js';
import { configCommands } from './config-commands.node.js';
import { expectStartable, moreThanCores, strayVariables } from './start-check.node.js';
import { expectRunsHere } from './on-bun.node.js';
import { report } from './report.js';
import { fsckCommand } from './fsck-command.node.js';
import { secretsOfFiles } from './secret-files.node.js';
import { storeCommands } from './store-commands.node.js';

const startedAt = performance.now();
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

const flagName = (flag: string) => flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
const withSettings = (command: Command): Command => {
  for (const { flag, about, fallback, env, secret } of SETTINGS) {
    if (flag === 'url' || flag === 'data') continue;
    if (!secret) command.option(`--${flag} <value>`, `${about} [${env}${fallback === undefined ? '' : `, default ${fallback}`}]`);
    // Known, so that whoever gives the secret itself is told what to do instead.
    else
      command
        .option(`--${flag}-file <file>`, `file of mode 0600 that holds it: ${about} [${env}, ${env}_FILE]`)
        .addOption(new Option(`--${flag} <value>`).hideHelp());
  }
  return command;
};

function configOf(command: Command): Config {
  const options = command.optsWithGlobals<Record<string, string | undefined>>();
  const given = (suffix = '') => SETTINGS.map(({ name, flag }) => [`${name}${suffix && 'File'}`, options[flagName(`${flag}${suffix}`)]] as const);
  const flags = Object.fromEntries(given());
  return readConfig(process.env, flags, secretsOfFiles(process.env, { ...flags, ...Object.fromEntries(given('-file')) }));
}

async function serve(options: { readonly publicOnly?: boolean; readonly entityId?: string }, command: Command): Promise<void> {
  const config = configOf(command);
  expectStartable(config, { publicOnly: options.publicOnly === true });
  for (const stray of [...strayVariables(process.env), ...moreThanCores(config)]) talk(`warning: ${stray}`);
  // Heard from the beginning: as the first process of a container it would not be ended by a signal that nobody hears.
  let stop: (() => Promise<void>) | undefined;
  let stopping = false;
  const end = () => {
    if (stopping) process.exit(1); // asked twice
    stopping = true;
    talk(stop ? 'stopping; requests in flight have ten seconds' : 'stopped while it was starting');
    if (!stop) process.exit(0);
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', end).on('SIGINT', end);
  const started = await (options.publicOnly ? publicOnly(config) : everything(config, options.entityId)).catch((error: unknown) => {
    process.off('SIGTERM', end).off('SIGINT', end);
    throw error;
  });
  stop = started.stop;
  out(multiline(started.said)); // whoever waits for this may send a signal next
}

async function everything(config: Config, entityId: string | undefined) {
  const { banner, startServer } = await import('./local/serve.node.js');
  const serving = await startServer(config, { entityId });
  return { stop: serving.stop, said: await banner(serving, config, startedAt) };
}

async function publicOnly(config: Config) {
  const start =
    config.workers > 0 ? (await import('./cores/by-workers.node.js')).startPublicWorkers : (await import('./local/serve-public.node.js')).startPublicOnly;
  const { listening, notice, stop } = await start(config);
  const by = config.workers > 0 ? ` by ${config.workers} workers` : '';
  const said = `Holdfast public plane at ${config.url}, listening on ${config.host}:${listening.port}${by}; it holds no key.${notice === undefined ? '' : ` ${notice}`}`;
  return { stop, said };
}

function localCommands(program: Command): void {
  withSettings(
    program
      .command('serve')
      .description('run the public plane, the admin API and the background work')
      .option('--public-only', 'the public plane alone: no key, database read-only')
      .option('--entity-id <entity-id>', 'identifier of the first authority, when it is not the URL'),
  ).action(serve);
  withSettings(
    program
      .command('init')
      .description('make database, key, owner token and first authority without serving')
      .option('--entity-id <entity-id>', 'identifier of the first authority, when it is not the URL'),
  ).action(async (options: { entityId?: string }, command: Command) => {
    const config = configOf(command);
    expectStartable(config);
    const { groundOf, openExploring } = await import('./deployment.node.js');
    const { openFirst } = await import('./open-first.node.js');
    const ground = await groundOf(config);
    const { deployment, token, created, notice } = await openFirst(config, () => openExploring(ground), options.entityId);
    await deployment.close();
    if (notice !== undefined) talk(notice);
    talk(created ? `made ${config.database?.url ?? databaseFile(config.data)} for ${config.url}` : 'already_initialized: nothing was changed');
    if (token !== undefined) out(token);
  });
  program
    .command('demo')
    .description('the whole story on loopback, narrated: an agent nobody typed in gets in, does one thing, and is out')
    .option('--short', 'the federation alone: build it, verify it with a script of jose alone, cut a member')
    .action(async ({ short }: { short?: boolean }) => {
      const { runStory, whyShort } = await import('./local/story/run.node.js');
      const print = (text: string) => process.stdout.write(`${text}\n`);
      const why = short ? undefined : whyShort();
      if (!short && why === undefined) {
        process.exitCode = await runStory(print);
        return;
      }
      if (why !== undefined) talk(why);
      const { demo } = await import('./local/demo.node.js');
      process.exitCode = await demo(print);
    });
  configCommands(program, configOf);
  fsckCommand(program, configOf);
}

/** What looks at others: most commands do without, and start sooner. */
const library = () => import('../rp/entry.node.js');

/** Fetch an artefact for `inspect`, whatever its media type. */
async function fetchArtefact(url: string): Promise<string> {
  const { parseAllowed, safeFetch } = await library();
  const outbound = safeFetch({ loopback: isLoopbackHost(new URL(url).hostname), allowed: parseAllowed(process.env['HOLDFAST_OUTBOUND_ALLOW']) });
  try {
    const { ENTITY_STATEMENT, TRUST_MARK, TRUST_MARK_DELEGATION, TRUST_MARK_STATUS_RESPONSE, RESOLVE_RESPONSE, JWK_SET_JWT } = mediaTypes;
    const orMediaTypes = [TRUST_MARK, TRUST_MARK_DELEGATION, TRUST_MARK_STATUS_RESPONSE, RESOLVE_RESPONSE, JWK_SET_JWT];
    const reply = await outbound.get({ url, mediaType: ENTITY_STATEMENT, orMediaTypes });
    if (!reply.ok) throw new CliError(exitOfErrors(reply.findings), `${url} could not be read`, reply.findings);
    return reply.value.body;
  } finally {
    await outbound.close();
  }
}

export function createProgram(): Command {
  const program = new Command('holdfast')
    .description('OpenID Federation 1.0 trust anchor and intermediate')
    .version(version)
    .option('--json', 'data as JSON, for scripts')
    .option('--authority <slug>', 'which authority', 'main')
    .option('--url <url>', 'where the server is [HOLDFAST_URL]')
    .option('--data <folder>', 'data folder [HOLDFAST_DATA, default ./data]')
    .option('--context <name>', 'a server you are signed in to (holdfast login)')
    .option('--wide', 'tables are not cut to the width of the terminal')
    .showSuggestionAfterError(false)
    .configureOutput({
      writeOut: (text) => void process.stdout.write(asCalled(text)),
      writeErr: (text) => void process.stderr.write(asCalled(text)),
      outputError: () => undefined,
    }) // report() says it
    .addHelpText('after', `\n${EXIT_HELP}`)
    .exitOverride()
    .hook('preAction', (_program, command) => {
      expectRunsHere(command);
      showWide(command.optsWithGlobals<{ wide?: boolean }>().wide === true);
      beginDryRun(command);
    })
    .hook('postAction', (_program, command) => endDryRun(command));
  localCommands(program);
  authorityCommands(program);
  joinLinkCommands(program);
  applicationCommands(program);
  applyCommands(program);
  agentAuthorityCommands(program);
  agentCommands(program);
  memberCommands(program);
  organizationCommands(program);
  cuttingCommands(program);
  keyCommands(program);
  policyCommands(program);
  entitlementCommands(program);
  accreditationCommands(program);
  evidenceCommands(program);
  issuerCommands(program);
  registeringCommands(program);
  statusListCommands(program);
  bundleCommands(program);
  markCommands(program);
  federationCommands(program);
  watchingCommands(program);
  eventCommands(program);
  auditCommands(program);
  accessCommands(program);
  peopleCommands(program);
  approvalCommands(program);
  backupCommands(program, configOf);
  storeCommands(program, configOf);
  clockCommands(program);
  contextCommands(program);
  doctorCommand(program, async (data, now) => (await import('./local/doctor.node.js')).localLines(data, now));
  completionCommand(program);
  restoreCommands(program);
  resolveCommand(program, async (subject, anchors) =>
    (await library()).resolveEntity(subject, {
      anchors,
      development: [subject, ...Object.keys(anchors)].some(isLoopbackId),
      allowAddresses: process.env['HOLDFAST_OUTBOUND_ALLOW'] ?? '',
    }),
  );
  preflightCommand(program, async (entityId, profiles) =>
    // A loopback identifier is one of the user's own machine, typed by himself.
    (await library()).preflightOverTheWire(entityId, {
      profiles,
      development: isLoopbackId(entityId),
      allowAddresses: process.env['HOLDFAST_OUTBOUND_ALLOW'] ?? '',
    }),
  );
  inspectCommand(program, fetchArtefact);
  offerDryRuns(program);
  checkKinds(program);
  showExamples(program);
  return program;
}

/** `exitOverride` has to reach every subcommand for one place to decide on exit codes. */
function inherit(command: Command): void {
  for (const child of command.commands) inherit(child.exitOverride());
}

/**
 * Carry out one command of the command line.
 * @param args what stands behind the program's name
 * @returns the exit code. `failed`: what a failed start left open may keep the process alive, and whoever owns it ends it
 */
export async function runProgram(args: readonly string[]): Promise<{ readonly code: number; readonly failed: boolean }> {
  setCalled(calledAs(process.argv[1] ?? 'holdfast', process.cwd(), process.env['PATH'] ?? ''));
  const program = createProgram();
  inherit(program);
  // Also of what cannot be parsed.
  beginOutput(args.slice(0, [...args, '--'].indexOf('--')).includes('--json'));
  try {
    process.exitCode = 0;
    await program.parseAsync(unambiguous(program, args), { from: 'user' });
    endOutput();
    return { code: process.exitCode, failed: false };
  } catch (error) {
    return { code: report(error), failed: true };
  }
}
