import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import type { AuditJwks } from '../audit/checkpoint.js';
import { AUDIT_FINDINGS } from '../audit/findings.js';
import { type AuditResult, auditVerifier, NoExport } from '../audit/verify.js';
import { parseJwkSet } from '../federation/entry.js';
import { bytesOf, linesOf, nodeDigest } from './audit-file.js';
import { CliError } from './client.js';
import { type EventView, eventRows, timeOf } from './event.js';
import { EXIT } from './exit-codes.js';
import { clean, green, lines, out, printJson, progress, progressEnds, red, table, talk, when } from './output.js';
import { collect, globals, type Page, path, readInput, readJson, show } from './shell.js';
import { interruptible } from './waiting.js';

interface Range {
  readonly from?: string;
  readonly to?: string;
  readonly deployment?: boolean;
  readonly private: boolean;
}
interface AuditKeyView {
  readonly kid: string;
  readonly alg: string;
  readonly created_at: number;
  readonly retired_at: number | null;
}
interface CheckpointView {
  readonly n: number;
  readonly seq: number;
  readonly head: string;
  readonly iat: number;
  readonly kid: string;
}

interface AnsweredView {
  readonly entity_id: string;
  readonly at: number;
  readonly fetch: string;
  readonly list: string;
  readonly resolve: string;
  readonly statement: { readonly sha256: string; readonly exp: number | null; readonly seq: number } | null;
  readonly doubts: readonly string[];
  readonly decided_by: readonly EventView[];
}

function describeAnswered(one: AnsweredView): void {
  out(
    lines([
      `${clean(one.entity_id)}  ${when(one.at)}`,
      `  fetch     ${one.fetch}`,
      `  list      ${one.list}`,
      `  resolve   ${one.resolve}`,
      ...(one.statement ? [`  statement published by event ${one.statement.seq}, SHA-256 ${one.statement.sha256}; renewals of it leave no event`] : []),
      ...one.doubts.map((text) => `  doubt     ${text}`),
    ]),
  );
  out(one.decided_by.length ? eventRows(one.decided_by) : 'No event before then is about it.');
}

function exportPath(authority: string, { from, to, deployment, private: withPrivate }: Range): string {
  const query = new URLSearchParams({ private: String(withPrivate), ...(from !== undefined && { from }), ...(to !== undefined && { to }) });
  return `${deployment ? '/audit/export' : path('authorities', authority, 'audit', 'export')}?${query}`;
}

const ranged = (command: Command): Command =>
  command
    .option('--from <seq>', 'the first event (default: the beginning)')
    .option('--to <seq>', 'the last event (default: the end)')
    .option('--deployment', 'the chain of the deployment: API keys, halts, restores')
    .option('--no-private', 'without what people wrote, and names: it verifies all the same');

/** Audit keys as `<authority>/checkpoints/jwks` serves them. @throws CliError */
function readKeys(file: string): AuditJwks {
  const value = readJson(file) as { readonly keys?: readonly Record<string, unknown>[] } | null;
  const bare = Array.isArray(value?.keys) ? { keys: value.keys.map(({ iat: _, exp: __, ...jwk }) => jwk) } : value;
  const parsed = parseJwkSet(bare, 'jwks');
  if (!parsed.ok) throw new CliError(2, `${file} is no JWK Set; give what <authority>/checkpoints/jwks serves`, parsed.findings);
  return value as unknown as AuditJwks;
}

/** Checkpoints of a file: one a line, as they are served and as backups keep them. */
const readSeen = (file: string) =>
  readInput(file)
    .split(/\s+/)
    .filter((text) => text !== '')
    .map((text, n) => ({ text, where: `${file}, checkpoint ${n + 1}` }));

interface VerifyOptions extends Range {
  readonly keys?: string;
  readonly checkpoint: readonly string[];
}

async function verify(source: AsyncIterable<Uint8Array>, { keys, checkpoint }: VerifyOptions): Promise<AuditResult> {
  const verifier = auditVerifier({
    keys: keys === undefined ? undefined : readKeys(keys),
    seen: checkpoint.flatMap(readSeen),
    progress: (n) => progress(`${n} events`),
    digest: nodeDigest(),
  });
  try {
    for await (const line of linesOf(source)) {
      const waiting = verifier.line(line);
      if (waiting) await waiting;
    }
    return verifier.end();
  } catch (error) {
    throw error instanceof NoExport ? new CliError(2, error.message) : error;
  } finally {
    progressEnds();
  }
}

/** What the keys are worth that were checked with. */
const TRUSTED = 'The checkpoints were checked with the audit keys in the file itself, and whoever made the file could have made those too: give --keys';

function tell(result: AuditResult, { keys, checkpoint }: VerifyOptions): void {
  const { findings, findingsLeftOut, events, from, seq, provenTo, checkpoints, erased } = result;
  const forks = findings.filter(({ code }) => code === 'fork');
  if (forks.length) out(red('FORK: two histories were signed as one. Whoever relies on this authority has to know.'));
  if (findings.length)
    out(
      table(
        ['finding', 'where', 'what'],
        [...forks, ...findings.filter(({ code }) => code !== 'fork')].map(({ code, where, detail }) => [code, where, detail]),
      ),
    );
  if (findingsLeftOut) out(`${findingsLeftOut} more of them are not shown.`);
  for (const code of new Set(findings.map((one) => one.code))) out(`${code}: ${AUDIT_FINDINGS[code]}`);
  const what = `events ${from} to ${seq} (${events}) of ${result.entityId ?? 'the deployment'}, made ${when(result.madeAt)}; ${erased} with an erased private part`;
  out(findings.length ? red(`not proven: ${what}`) : green(`whole: ${what}`));
  out(
    provenTo
      ? `${checkpoints} checkpoint(s) hold; up to event ${provenTo} nothing was changed since the last of them was signed.`
      : 'No checkpoint vouches for any of it: only the hashes do.',
  );
  if (result.beyond)
    talk(
      `${result.beyond} checkpoint(s) that you gave are about events after ${seq}, where this file was asked to end: whether those are there still it does not say`,
    );
  if (keys === undefined && checkpoints) talk(TRUSTED);
  if (!checkpoint.length) talk('A shortened history is noticed only by a checkpoint that somebody kept elsewhere: give it with --checkpoint');
}

const inJson = ({ chain, entityId, madeAt, provenTo, privateParts, findingsLeftOut, findings, ...rest }: AuditResult) => ({
  whole: findings.length === 0,
  chain,
  entity_id: entityId,
  made_at: madeAt,
  ...rest,
  proven_to: provenTo,
  private_parts: privateParts,
  findings: findings.map((one) => ({ ...one, fix: AUDIT_FINDINGS[one.code] })),
  findings_left_out: findingsLeftOut,
});

async function save(source: AsyncIterable<Uint8Array>, file: string): Promise<void> {
  if (file === '-') return pipeline(Readable.from(source), process.stdout, { end: false });
  if (existsSync(file)) throw new CliError(2, `${file} exists; an export does not overwrite`);
  const partial = `${file}.partial`;
  const drop = () => rmSync(partial, { force: true });
  await interruptible(
    () => 'stopped; no export was made',
    async () => {
      try {
        await pipeline(Readable.from(source), createWriteStream(partial, { mode: 0o600 }));
        renameSync(partial, file);
      } finally {
        drop();
      }
    },
    drop,
  );
}

export function auditCommands(program: Command): void {
  const audit = program.command('audit').description('prove what happened: exports, checkpoints, verification');
  ranged(audit.command('export').description('write the event chain as a file that proves itself'))
    .requiredOption('-o, --output <file>', 'where to; - is standard output')
    .action(async ({ output, ...range }: Range & { output: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      await save(client.stream(exportPath(authority, range)), output);
      if (output === '-') return;
      if (json) printJson({ file: output });
      else out(`${output}: check it anywhere with: npx holdfast audit verify ${output}`);
    });
  ranged(audit.command('verify [file]').description('check an export, which needs no server; without a file, the chain of the server'))
    .option('--keys <file>', 'the audit keys, as <authority>/checkpoints/jwks serves them')
    .option('--checkpoint <file>', 'checkpoints that somebody kept, one a line; repeat for several', collect, [])
    .action(async (file: string | undefined, options: VerifyOptions, command: Command) => {
      const json = command.optsWithGlobals<{ json?: boolean }>().json === true;
      if (file !== undefined && (options.from ?? options.to ?? options.deployment) !== undefined)
        throw new CliError(2, '--from, --to and --deployment say what to ask the server for; a file is checked as it is');
      const source = () => {
        const { client, authority } = globals(command);
        return client.stream(exportPath(authority, options));
      };
      const result = await verify(file === undefined ? source() : bytesOf(file), options);
      if (result.findings.length) process.exitCode = EXIT.findings;
      if (json) printJson(inJson(result));
      else tell(result, options);
    });
  audit
    .command('checkpoints')
    .description('the signed series: where the chain ended, and when that was signed')
    .option('--after <n>', 'go on behind this one')
    .option('--limit <n>', '1 to 1000', '100')
    .action(async ({ after, limit }: { after?: string; limit: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const query = new URLSearchParams({ limit, ...(after !== undefined && { cursor: after }) });
      const page = await client.get<Page<CheckpointView>>(`${path('authorities', authority, 'checkpoints')}?${query}`);
      show(json, page, () => {
        if (page.items.length)
          out(
            table(
              ['n', 'event', 'signed', 'head', 'kid'],
              page.items.map((one) => [String(one.n), String(one.seq), when(one.iat), one.head, one.kid]),
            ),
          );
        else talk('None has been signed yet; the background makes the first one within seconds.');
        if (page.next_cursor) talk(`More: the same with --after ${page.next_cursor}`);
      });
    });
  audit
    .command('at <entity-id> <time>')
    .description('what fetch, list and resolve answered about a member at a moment, and which events decide it')
    .addHelpText('after', '\nThe time is a date (2027-03-01, its beginning, UTC), 2027-03-01T12:00:00Z, or how long ago: 7d, 12h, 30min.')
    .action(async (id: string, time: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.get<AnsweredView>(`${path('authorities', authority, 'members', id, 'answered-at')}?time=${timeOf(time, 'the time')}`);
      show(json, one, () => describeAnswered(one));
    });
  const describe = (one: AuditKeyView) => [one.kid, one.alg, when(one.created_at), one.retired_at === null ? 'signs' : `until ${when(one.retired_at)}`];
  audit
    .command('keys')
    .description('the keys that sign checkpoints; none of them is a federation key')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<{ readonly items: readonly AuditKeyView[] }>(path('authorities', authority, 'audit-keys'));
      show(json, page, () => out(table(['kid', 'alg', 'since', 'state'], page.items.map(describe))));
    });
  audit
    .command('rotate-key')
    .description('sign checkpoints with another key from now on; the former one stays published')
    .requiredOption('--reason <text>', 'why')
    .action(async ({ reason }: { reason: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<AuditKeyView>('POST', path('authorities', authority, 'audit-keys', 'rotate'), { reason });
      show(json, one, () => out(lines([`${one.kid} signs checkpoints from now on. Give it to whoever checks them: <authority>/checkpoints/jwks`])));
    });
}
