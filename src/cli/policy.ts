import { isDryRun } from './dry-run.js';
import type { Command } from 'commander';
import { jsonLines, lines, out, printJson, showFindings, table, talk, talkFindings, when } from './output.js';
import { globals, path, queryOf, readJson, show, type Page } from './shell.js';
import { type JobView, jobDone } from './waiting.js';

const EXAMPLE = `
Example of a file:
  {
    "metadata_policy": {
      "openid_relying_party": {
        "grant_types": { "subset_of": ["authorization_code", "refresh_token"] },
        "contacts": { "essential": true }
      }
    },
    "constraints": { "max_path_length": 1 },
    "note": "first policy"
  }`;

type Findings = Parameters<typeof showFindings>[0];

export function policyCommands(program: Command): void {
  const policy = program.command('policy').description('metadata policies and constraints of an authority');
  const policies = (authority: string, ...more: string[]) => path('authorities', authority, 'policies', ...more);
  policy
    .command('list')
    .description('all versions')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async ({ limit, cursor }: { limit: string; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<{ version: number; state: string; created_at: number; note: string | null }>>(
        `${policies(authority)}?${queryOf({ limit, cursor })}`,
      );
      show(json, page, () => {
        if (page.items.length === 0) talk('No policy yet. Draft one: npx holdfast policy draft policy.json');
        else
          out(
            table(
              ['version', 'state', 'made', 'note'],
              page.items.map((one) => [String(one.version), one.state, when(one.created_at), one.note ?? '']),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
  policy
    .command('show <version>')
    .description('one version')
    .action(async (version: string, _options: object, command: Command) => {
      const { client, authority } = globals(command);
      printJson(await client.get(policies(authority, version)));
    });
  policy
    .command('check <file>')
    .description('{metadata_policy, constraints}: check it; changes nothing')
    .addHelpText('after', EXAMPLE)
    .action(async (file: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const report = await client.ask<{ ok: boolean; findings: Findings }>(policies(authority, 'check'), readJson(file));
      show(json, report, () => {
        if (report.ok) out('The policy holds.');
        if (report.findings.length) out(showFindings(report.findings));
      });
      if (!report.ok) process.exitCode = 4;
    });
  policy
    .command('preview <file> <member>')
    .description("what it would do to one member's metadata")
    .option('--metadata <file>', "the member's metadata, when it is not reachable")
    .action(async (file: string, member: string, options: { metadata?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const report = await client.ask<{ before: unknown; after: unknown; findings: Findings }>(policies(authority, 'preview'), {
        ...(readJson(file) as object),
        member,
        ...(options.metadata !== undefined && { metadata: readJson(options.metadata) }),
      });
      show(json, report, () => {
        out(`before ${jsonLines(report.before)}`);
        out(report.after ? `after ${jsonLines(report.after)}` : lines(['it breaks:', showFindings(report.findings)]));
      });
      if (!report.after) process.exitCode = 4;
    });
  policy
    .command('draft <file>')
    .description('write a new version; nothing is published')
    .addHelpText('after', EXAMPLE)
    .action(async (file: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<{ version: number; findings?: Findings }>('POST', policies(authority), readJson(file));
      show(json, one, () => {
        talkFindings(one.findings);
        talk(
          `Version ${one.version} is drafted. Next, see whom it changes: npx holdfast policy impact ${one.version}; then: npx holdfast policy publish ${one.version}`,
        );
      });
    });
  policy
    .command('impact <version>')
    .description("replay it against every member's current metadata: whom it changes, whom it breaks, and why")
    .option('--effect <effect>', 'show only: breaks, changes, mends, still_broken, unknown')
    .option('--limit <n>', 'members shown, 1 to 1000', '100')
    .option('--last', 'read what the last replay has found, and begin none')
    .option('--cursor <cursor>', 'where the page before ended, of the last replay')
    .action(async (version: string, { last, effect, limit, cursor }: { effect?: string; limit: string; last?: boolean; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      if (!last && cursor === undefined) {
        const job = await client.send<JobView>('POST', policies(authority, version, 'impact'));
        const then = `then: npx holdfast --authority ${authority} policy impact ${version} --last`;
        if (isDryRun()) return show(json, job, () => talk('The replay would begin.'));
        await jobDone(client, authority, job, ({ done, total }) => `${done} of ${total} members`, then);
      }
      const found = await client.get<Impact>(`${policies(authority, version, 'impact')}?${queryOf({ effect, limit, cursor })}`);
      show(json, found, () => showImpact(version, found));
      if (found.counts['breaks']) process.exitCode = 4;
    });
  policy
    .command('report <version>')
    .description('begin a report-only period: members it would break get a finding, nothing is published')
    .option('--end', 'end it')
    .action(async (version: string, options: { end?: boolean }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<{ state: string }>('POST', policies(authority, version, options.end ? 'end-report' : 'report'));
      show(json, one, () =>
        talk(`Version ${version} is ${one.state}.${options.end ? '' : ' See what it would break: npx holdfast member watch --only findings'}`),
      );
    });
  policy
    .command('publish <version>')
    .description('put a version in force; every statement is signed anew')
    .option('--accept-breaks', 'though its impact says that members break, or is too old to say')
    .option('--accept-unknown', 'though its impact could not judge members that were never reached')
    .action(async (version: string, options: { acceptBreaks?: boolean; acceptUnknown?: boolean }, command: Command) => {
      const { client, json, authority } = globals(command);
      const done = await client.send<{ job: string | null; findings?: Findings }>('POST', policies(authority, version, 'publish'), {
        ...(options.acceptBreaks && { accept_breaks: true }),
        ...(options.acceptUnknown && { accept_unknown: true }),
      });
      show(json, done, () => {
        talkFindings(done.findings);
        talk(done.job === null ? 'already_published' : `Published. Statements are signed anew: npx holdfast job show ${done.job}`);
      });
    });
  policy
    .command('rollback')
    .description('publish the version again that the one in force has replaced')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const done = await client.send<{ policy: { version: number }; job: string | null }>('POST', policies(authority, 'rollback'));
      show(json, done, () => talk(`Version ${done.policy.version} is in force again. Statements are signed anew: npx holdfast job show ${done.job}`));
    });
}

interface Impact {
  readonly against: number | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly items: readonly { readonly entity_id: string | null; readonly effect: string; readonly detail: string }[];
  readonly next_cursor: string | null;
}

function showImpact(version: string, { against, counts, items, next_cursor: more }: Impact): void {
  out(`version ${version} against ${against === null ? 'no policy' : `version ${against}`}`);
  for (const [effect, n] of Object.entries(counts)) out(`  ${effect.replace('_', ' ').padEnd(12)} ${n}`);
  if (items.length)
    out(
      table(
        ['effect', 'entity', 'why'],
        items.map((one) => [one.effect, one.entity_id ?? '', one.detail]),
      ),
    );
  if (more) talk(`More: --cursor '${more}'`);
  if (counts['unknown']) talk(`${counts['unknown']} members were never reached; their metadata is not known. Publishing wants --accept-unknown.`);
}
