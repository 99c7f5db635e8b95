import type { Command } from 'commander';
import { clean, jsonLines, lines, out, table, talk, when } from './output.js';
import { globals, type Page, path, show } from './shell.js';

interface ApprovalView {
  readonly id: string;
  readonly kind: string;
  readonly authority: string | null;
  readonly subject: string;
  readonly digest: string;
  readonly state: string;
  readonly created_at: number;
  readonly expires_at?: number;
  readonly current?: boolean;
  readonly for_me?: boolean;
  readonly content?: object;
  readonly request?: object;
  readonly approvals?: readonly { readonly person: string; readonly name: string | null; readonly verdict: string; readonly at: number }[];
}

const standing = ({ state, current, for_me }: ApprovalView): string => {
  if (state !== 'open') return state;
  if (current === false) return 'changed since, or nobody approved it in time: somebody has to propose it anew';
  return for_me ? 'waits for you' : 'waits for another person';
};

const described = (one: ApprovalView): string =>
  lines([
    `${one.id}  ${one.kind} of ${clean(one.subject)}  ${standing(one)}`,
    `  decided   ${jsonLines(one.content ?? {}, '  ')}`,
    `  asked for ${jsonLines(one.request ?? {}, '  ')}`,
    ...(one.approvals ?? []).map(({ person, name, verdict, at }) => `  ${verdict}  ${clean(name ?? person)}, ${when(at)}`),
    ...(one.state === 'open' && one.expires_at !== undefined ? [`  until     ${when(one.expires_at)}`] : []),
    `  digest    ${one.digest}`,
  ]);

/** `approval list`, `show`, `approve` and `refuse`. */
export function approvalCommands(program: Command): void {
  const approval = program.command('approval').description('with quorum 2: what one person has approved and a second one has not yet');
  approval
    .command('list')
    .description('what waits for a second person')
    .option('--waiting-for-me', 'only what you may decide as the second person')
    .option('--state <state>', 'open, done, refused or void', 'open')
    .action(async ({ waitingForMe, state }: { waitingForMe?: boolean; state: string }, command: Command) => {
      const { client, json } = globals(command);
      const items: ApprovalView[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const query = new URLSearchParams({ limit: '200', state, ...(waitingForMe && { waiting_for: 'me' }), ...(cursor && { cursor }) });
        const page: Page<ApprovalView> = await client.get<Page<ApprovalView>>(`/approvals?${query}`);
        items.push(...page.items);
        cursor = page.next_cursor;
      }
      show(json, { items }, () =>
        out(
          table(
            ['id', 'kind', 'authority', 'about', 'since', 'until', ''],
            items.map((one) => [
              one.id,
              one.kind,
              one.authority ?? 'all',
              one.subject,
              when(one.created_at),
              one.expires_at === undefined ? '' : when(one.expires_at),
              standing(one),
            ]),
          ),
        ),
      );
    });
  approval
    .command('show <id>')
    .description('what is decided, and who has approved it')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json } = globals(command);
      const one = await client.get<ApprovalView>(path('approvals', id));
      show(json, one, () => out(described(one)));
    });
  for (const [verdict, about] of [
    ['approve', 'approve it; the second approval carries it out'],
    ['refuse', 'refuse it, which ends it'],
  ] as const)
    approval
      .command(`${verdict} <id>`)
      .description(about)
      .option('--seen <digest>', 'of what you looked at (approval show); left out, of what stands there')
      .option('--note <text>', 'what you have to say about it')
      .action(async (id: string, { seen, note }: { seen?: string; note?: string }, command: Command) => {
        const { client, json } = globals(command);
        const digest = seen ?? (await client.get<ApprovalView>(path('approvals', id))).digest;
        const one = await client.send<ApprovalView>('POST', path('approvals', id), { verdict, digest, ...(note !== undefined && { note }) });
        show(json, one, () => {
          talk(one.state === 'done' ? `${one.kind} of ${clean(one.subject)}: approved by two, and done` : `${one.kind} of ${clean(one.subject)}: ${one.state}`);
        });
      });
}
