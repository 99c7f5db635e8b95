import { type Command, Option } from 'commander';
import { REFUSE_CODES } from '../audit/reason-codes.js';
import type { Finding } from '../federation/entry.js';
import { clean, green, jsonLines, out, red, table, talk, talkFindings, when, yellow } from './output.js';
import { collect, globals, type Page, path, queryOf, show } from './shell.js';

interface Summary {
  readonly id: string;
  readonly entity_id: string;
  readonly state: string;
  readonly waiting_on: string | null;
  readonly organization: string | null;
  readonly member: string | null;
  readonly submitted_at: number;
  readonly dry_run?: boolean;
  readonly already?: boolean;
  readonly findings?: readonly (Finding & { readonly severity?: string })[];
}
export interface MessageView {
  readonly at: number;
  readonly from: string;
  readonly text: string | null;
}
export interface RefusalView {
  readonly reason_code: string | null;
  readonly reason: string | null;
  readonly redress: string | null;
}
interface Shown extends Summary {
  readonly contacts: readonly Readonly<Record<string, unknown>>[];
  readonly requested: Readonly<Record<string, unknown>>;
  readonly conflicts: readonly { readonly code: string; readonly severity: string; readonly detail: string }[];
  readonly messages: readonly MessageView[];
  readonly refusal: RefusalView | null;
  readonly next: readonly string[];
}

const root = (authority: string, ...more: string[]) => path('authorities', authority, 'applications', ...more);
export const coloredState = (state: string): string =>
  state === 'active' || state === 'approved' ? green(state) : ['refused', 'withdrawn', 'revoked', 'archived'].includes(state) ? red(state) : yellow(state);

function summarize(one: Summary): void {
  const waits = one.waiting_on === null ? '' : `, waiting on the ${one.waiting_on}`;
  out(`${one.id}  ${coloredState(one.state)}${waits}  ${clean(one.entity_id)}  ${one.organization === null ? '(erased)' : clean(one.organization)}`);
  if (one.member !== null) out(`  member ${one.member}`);
  else if (one.already) talk('It was so already; nothing was changed.');
  talkFindings(one.findings);
}

/** What both sides said. */
export function showThread(messages: readonly MessageView[], refusal: RefusalView | null): void {
  for (const { at, from, text } of messages) out(`  ${when(at)}  ${from}: ${text === null ? '(erased)' : clean(text)}`);
  if (!refusal) return;
  out(`  ${red('refused')} (${refusal.reason_code ?? 'stated'}): ${refusal.reason === null ? '(erased)' : clean(refusal.reason)}`);
  if (refusal.redress !== null) out(`  where to turn to: ${clean(refusal.redress)}`);
}

/** `application list`, `show`, `take`, `ask`, `refuse` and `erase`. */
export function applicationCommands(program: Command): void {
  const application = program
    .command('application')
    .description('strangers who want to become members: look, take, ask, refuse; approve is a verb of the member');
  application
    .command('list')
    .description('applications, whoever waits longest first')
    .option('--state <state>', 'applied, vetting, approved, active, refused, withdrawn and the others of members')
    .option('--waiting-on <side>', 'reviewer or applicant')
    .option('--entity-id <entity-id>', 'those that name this identifier')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (options: { state?: string; waitingOn?: string; entityId?: string; limit: string; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const { state, waitingOn, entityId, limit, cursor } = options;
      const page = await client.get<Page<Summary>>(`${root(authority)}?${queryOf({ state, waiting_on: waitingOn, entity_id: entityId, limit, cursor })}`);
      show(json, page, () => {
        if (page.items.length === 0) talk('No applications. Give somebody a link: npx holdfast join-link create');
        else
          out(
            table(
              ['id', 'state', 'waiting on', 'identifier', 'organization', 'since'],
              page.items.map((one) => [
                one.id,
                coloredState(one.state),
                one.waiting_on ?? '—',
                one.entity_id,
                one.organization ?? '(erased)',
                when(one.submitted_at),
              ]),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
  application
    .command('show <application>')
    .description('one application: what it asks for, what was said, what of it is somebody else’s')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.get<Shown>(root(authority, id));
      show(json, one, () => {
        summarize(one);
        out(`  asks for ${jsonLines(one.requested, '  ')}`);
        for (const contact of one.contacts) out(`  contact ${clean(Object.values(contact).join(', '))}`);
        for (const { severity, code, detail } of one.conflicts) out(`  ${severity === 'error' ? red(code) : yellow(code)}  ${clean(detail)}`);
        showThread(one.messages, one.refusal);
        for (const step of one.next) talk(`next: ${step.replace(/^([^:]*: )?holdfast/, '$1npx holdfast')}`);
      });
    });
  application
    .command('take <application>')
    .description('take it: pre-flight runs, and its member is enrolled in state vetting')
    .option('--waive <code>', 'accept a finding of pre-flight by its code, or organization_known; repeat for several', collect, [])
    .option('--readmit <reason>', 'take back one that was revoked, and say why; it takes an approver')
    .action(async (id: string, options: { waive: string[]; readmit?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const body = { ...(options.waive.length && { waive: options.waive }), ...(options.readmit !== undefined && { readmit: options.readmit }) };
      const one = await client.send<Summary>('POST', root(authority, id, 'take'), body);
      show(json, one, () => {
        summarize(one);
        if (one.member !== null && !one.dry_run) talk(`Then: npx holdfast member approve ${one.member}`);
      });
    });
  application
    .command('ask <application> <text>')
    .description('write to the applicant: it is for it to answer, and it may change what it asks for')
    .action(async (id: string, text: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<Summary>('POST', root(authority, id, 'ask'), { text });
      show(json, one, () => summarize(one));
    });
  application
    .command('refuse <application>')
    .description('refuse it: the applicant is told why, and where it can turn to; it may apply again')
    .requiredOption('--reason <text>', 'why, in words for the applicant')
    .requiredOption('--redress <text>', 'where it can turn to')
    .addOption(new Option('--reason-code <code>', 'why, in a word that stays when the reason is erased').choices(REFUSE_CODES).default('unspecified'))
    .action(async (id: string, options: { reason: string; redress: string; reasonCode: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const body = { reason_code: options.reasonCode, reason: options.reason, redress: options.redress };
      const one = await client.send<Summary>('POST', root(authority, id, 'refuse'), body);
      show(json, one, () => summarize(one));
    });
  application
    .command('erase <application>')
    .description('erase what people wrote in it and what it says about them; the audit trail tells that it was done')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .action(async (id: string, options: { reason: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<{ id: string; events: readonly number[]; already?: boolean; dry_run?: boolean }>('POST', root(authority, id, 'erase'), {
        reason: options.reason,
      });
      show(json, one, () => {
        out(`${one.id}  the words of ${one.events.length} events${one.dry_run ? ' would be' : ''} erased`);
        if (one.already) talk('Nothing was left to erase.');
      });
    });
}
