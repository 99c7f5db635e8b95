import type { Command } from 'commander';
import { CliError } from './client.js';
import { countLines, openImport, slicesOf } from './import-file.js';
import { out, pass, progress, progressEnds, table, talk } from './output.js';
import { globals, type Globals, path, show } from './shell.js';
import type { JobView } from './waiting.js';

interface ImportJob extends JobView {
  readonly params: JobView['params'] & { readonly enrolled?: Readonly<Record<string, number>> };
}
interface Told {
  readonly line: number;
  readonly entity_id: string | null;
  readonly severity: string;
  readonly code: string;
  readonly detail: string;
}
interface ImportOptions {
  readonly dryRun?: boolean;
  readonly activate?: boolean;
  readonly job?: string;
  readonly format?: string;
}

const TYPES = { csv: 'text/csv', ndjson: 'application/x-ndjson' } as const;

async function importMembers(name: string, options: ImportOptions, command: Command): Promise<void> {
  const { client, authority, json } = globals(command);
  const file = openImport(name, options.format);
  const root = ['authorities', authority];
  let job: ImportJob | undefined;
  const interrupted = () => {
    progressEnds();
    file.close();
    if (job) talk(interruption(job, name));
    process.exit(130);
  };
  process.once('SIGINT', interrupted);
  try {
    if (options.job !== undefined && (options.activate || options.dryRun))
      throw new CliError(2, '--activate and --dry-run are said when an import begins; with --job it goes on as it began');
    const { lines, members, header } = await countLines(file);
    if (members === 0) throw new CliError(2, `${name} is empty: ${lines ? 'below its header there is no member' : 'there is nothing in it'}`);
    job =
      options.job === undefined
        ? await client.send<ImportJob>('POST', path(...root, 'imports'), {
            dry_run: options.dryRun === true,
            activate: options.activate === true,
            total: lines,
            ...(header !== undefined && { csv_header: header }),
          })
        : await client.get<ImportJob>(path(...root, 'jobs', options.job));
    talk(`Import ${job.id}${job.params.dry_run ? ' (dry run: nothing is changed)' : ''}; if it is interrupted, go on with --job ${job.id}`);
    const to = path(...root, 'imports', job.id, 'lines');
    for await (const slice of slicesOf(file, job.done, lines)) {
      job = await client.send<ImportJob>('POST', `${to}?first_line=${slice.first}`, slice.lines.join('\n'), { 'content-type': TYPES[file.format] }, true);
      progress(`${job.done} of ${lines} ${file.format === 'csv' ? 'rows' : 'lines'}, ${job.refused} refused`);
    }
  } catch (error) {
    // What is wrong with the whole file is mended and sent as another import.
    if (job?.done === 0 && options.job === undefined && error instanceof CliError && error.exitCode !== 3)
      await client.send('POST', path(...root, 'jobs', job.id, 'cancel')).catch(() => undefined);
    throw error;
  } finally {
    process.removeListener('SIGINT', interrupted);
    progressEnds();
    file.close();
  }
  job = await client.send<ImportJob>('POST', path(...root, 'imports', job.id, 'finish'));
  const report = await reportOf(globals(command), job.id);
  const [refusals, warnings] = [report.filter(({ severity }) => severity !== 'warning'), report.filter(({ severity }) => severity === 'warning')];
  show(json, { job, refusals, warnings }, () => {
    talk(outcome(job));
    const next = nextStep(job);
    if (report.length)
      out(
        table(
          [file.format === 'csv' ? 'row' : 'line', 'entity id', '', 'code', 'detail'],
          [...refusals.map((one) => ({ ...one, at: String(one.line) })), ...alike(warnings)].map((one) => [
            one.at,
            one.entity_id ?? '—',
            one.severity,
            one.code,
            one.detail,
          ]),
        ),
      );
    if (next !== undefined) talk(next);
  });
  if (job.refused) process.exitCode = 4;
}

const interruption = (job: ImportJob, name: string): string =>
  `Interrupted after ${job.done} of ${job.total}; what came in stays. Go on: npx holdfast member import ${name} --job ${job.id}; or end it: npx holdfast job cancel ${job.id}`;

/** Members that wait for an approver are published by nobody else. */
const nextStep = ({ params }: ImportJob): string | undefined =>
  params.enrolled?.['vetting'] && !params.dry_run
    ? `Nothing is published of those in state vetting. Next: npx holdfast member approve --state vetting && npx holdfast member activate --state approved (or import with --activate)`
    : undefined;

/** What came of it. */
function outcome({ params, refused }: ImportJob): string {
  const states = Object.entries(params.enrolled ?? {});
  const all = states.reduce((sum, [, n]) => sum + n, 0);
  const [only] = states;
  const where = states.length === 1 && only ? `, in state ${only[0]}` : all ? `: ${states.map(([state, n]) => `${n} in state ${state}`).join(', ')}` : '';
  return `${all} ${params.dry_run ? 'would be enrolled' : 'enrolled'}${where}; ${refused} refused`;
}

async function reportOf({ client, authority }: Globals, job: string): Promise<readonly Told[]> {
  const report: Told[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { items: Told[]; next_cursor: string | null } = await client.get(
      `${path('authorities', authority, 'jobs', job, 'refusals')}?limit=1000${cursor && `&cursor=${cursor}`}`,
    );
    report.push(...page.items);
    cursor = page.next_cursor;
  }
  return report;
}

/** Warnings that say the same are told once, with the places. */
function alike(warnings: readonly Told[]): readonly (Told & { readonly at: string })[] {
  const groups = new Map<string, Told[]>();
  for (const one of warnings) {
    const key = JSON.stringify([one.code, one.detail]);
    const known = groups.get(key);
    if (known) known.push(one);
    else groups.set(key, [one]);
  }
  return [...groups.values()].flatMap(([first, ...more]) => {
    if (!first) return [];
    if (more.length === 0) return [{ ...first, at: String(first.line) }];
    const places = [first, ...more].slice(0, 5).map(({ line }) => line);
    return [{ ...first, entity_id: `${more.length + 1} members`, at: `${places.join(', ')}${more.length > 4 ? ', …' : ''}` }];
  });
}

/** `member import` and `member export`. */
export function importCommands(member: Command): void {
  member
    .command('import <file>')
    .description('enrol many: NDJSON, or CSV with a header row as spreadsheets write it; - is standard input')
    .option('--format <format>', 'csv or ndjson; else by the suffix, or by how the text begins')
    .option('--activate', 'publish them at once, where a line says nothing else; without it they wait in state vetting')
    .option('--dry-run', 'say what would be refused; change nothing')
    .option('--job <id>', 'go on with an import that was interrupted')
    .action(importMembers);
  member
    .command('export')
    .description('all members as NDJSON on stdout, as import takes them')
    .action(async (_options: object, command: Command) => {
      const { client, authority } = globals(command);
      for await (const chunk of client.stream(path('authorities', authority, 'export'))) pass(chunk);
    });
}
