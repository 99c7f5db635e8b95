import type { Command } from 'commander';
import { out, showFindings, table, talk, when } from './output.js';
import { globals, path, readJson, show, type Page } from './shell.js';

type Findings = Parameters<typeof showFindings>[0];

export function policyCommands(program: Command): void {
  const policy = program.command('policy').description('metadata policies and constraints of an authority');
  const policies = (authority: string, ...more: string[]) => path('authorities', authority, 'policies', ...more);
  policy
    .command('list')
    .description('all versions')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<{ version: number; state: string; created_at: number; note: string | null }>>(policies(authority));
      show(json, page, () =>
        page.items.length
          ? out(
              table(
                ['version', 'state', 'made', 'note'],
                page.items.map((one) => [String(one.version), one.state, when(one.created_at), one.note ?? '']),
              ),
            )
          : talk('No policy yet. Draft one: npx holdfast policy draft policy.json'),
      );
    });
  policy
    .command('show <version>')
    .description('one version')
    .action(async (version: string, _options: object, command: Command) => {
      const { client, authority } = globals(command);
      process.stdout.write(`${JSON.stringify(await client.get(policies(authority, version)), null, 2)}\n`);
    });
  policy
    .command('check <file>')
    .description('{metadata_policy, constraints}: check it; changes nothing')
    .action(async (file: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const report = await client.send<{ ok: boolean; findings: Findings }>('POST', policies(authority, 'check'), readJson(file));
      show(json, report, () => out(report.ok ? 'The policy holds.' : showFindings(report.findings)));
      if (!report.ok) process.exitCode = 4;
    });
  policy
    .command('preview <file> <member>')
    .description("what it would do to one member's metadata")
    .option('--metadata <file>', "the member's metadata, when it is not reachable")
    .action(async (file: string, member: string, options: { metadata?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const report = await client.send<{ before: unknown; after: unknown; findings: Findings }>('POST', policies(authority, 'preview'), {
        ...(readJson(file) as object),
        member,
        ...(options.metadata !== undefined && { metadata: readJson(options.metadata) }),
      });
      show(json, report, () => {
        out(`before ${JSON.stringify(report.before, null, 2)}`);
        out(report.after ? `after ${JSON.stringify(report.after, null, 2)}` : `it breaks:\n${showFindings(report.findings)}`);
      });
      if (!report.after) process.exitCode = 4;
    });
  policy
    .command('draft <file>')
    .description('write a new version; nothing is published')
    .action(async (file: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<{ version: number }>('POST', policies(authority), readJson(file));
      show(json, one, () => talk(`Version ${one.version} is drafted. Next: npx holdfast policy publish ${one.version}`));
    });
  policy
    .command('publish <version>')
    .description('put a version in force; every statement is signed anew')
    .action(async (version: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const done = await client.send<{ job: string | null }>('POST', policies(authority, version, 'publish'));
      show(json, done, () => talk(done.job === null ? 'already_published' : `Published. Statements are signed anew: npx holdfast job show ${done.job}`));
    });
}
