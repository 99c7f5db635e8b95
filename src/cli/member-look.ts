import type { Command } from 'commander';
import { EXIT } from './exit-codes.js';
import { inspectStatement } from './inspect.js';
import { base, describe, type MemberView } from './member-view.js';
import { out, table, talk, talkFindings, when, yellow } from './output.js';
import { globals, queryOf, show } from './shell.js';

async function list(
  options: {
    readonly state?: string;
    readonly query?: string;
    readonly type?: string;
    readonly organization?: string;
    readonly intermediate?: boolean;
    readonly bundle?: string;
    readonly limit: string;
    readonly cursor?: string;
  },
  command: Command,
): Promise<void> {
  const { client, authority, json } = globals(command);
  const { state, query: q, type: entity_type, organization, intermediate, bundle, limit, cursor } = options;
  const query = queryOf({
    limit,
    state,
    q,
    entity_type,
    organization,
    bundle,
    intermediate: intermediate === undefined ? undefined : String(intermediate),
    cursor,
  });
  const page = await client.get<{ items: MemberView[]; next_cursor: string | null }>(`${base(authority)}?${query}`);
  show(json, page, () => {
    if (page.items.length === 0) talk('No members match. Enrol one: npx holdfast member enroll <entity-id>');
    else
      out(
        table(
          ['state', 'entity id', 'types', 'organization', 'since'],
          page.items.map((one) => [one.state, one.entity_id, one.entity_types.join(','), one.organization ?? '—', when(one.created_at)]),
        ),
      );
    if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
  });
}

/** `member list`, `show`, `statement` and `history`. */
export function lookCommands(member: Command): void {
  member
    .command('list')
    .description('search members')
    .option('--state <states>', 'comma separated')
    .option('--query <text>', "part of the identifier or the organization's name, in any case; of a host outside ASCII whole labels; ü is not found as u")
    .option('--type <type>', 'entity type')
    .option('--organization <id-or-name>', 'of this organization')
    .option('--intermediate', 'those that have subordinates')
    .option('--no-intermediate', 'those that have none')
    .option('--bundle <name>', 'those that have this bundle of entitlements')
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
    .command('client <id>')
    .description('what is served about a client to authorization servers that know no federations: its Client ID Metadata Document, and where')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.get<{ client_id: string; document: object | null; exp: number | null; findings: Parameters<typeof talkFindings>[0] }>(
        base(authority, id, 'client-metadata-document'),
      );
      if (!one.document) process.exitCode = EXIT.findings;
      show(json, one, () => {
        if (!one.document) talk(yellow('There is none:'));
        else {
          out(one.client_id);
          for (const line of JSON.stringify(one.document, null, 2).split('\n')) out(line);
          talk(
            `Made anew before ${one.exp === null ? 'its end' : when(one.exp)}. A server that allows documents below ${one.client_id.replace(/[^/]*$/, '')} knows every client in force here.`,
          );
        }
        talkFindings(one.findings);
      });
    });
  member
    .command('history <id>')
    .description('what happened to a member')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, authority, json } = globals(command);
      const page = await client.get<{
        items: { seq: number; at: number; type: string; actor: { id: string; name: string | null }; reason: string | null }[];
        next_cursor: string | null;
      }>(`${base(authority, id, 'history')}?limit=1000`);
      show(json, page, () => {
        out(
          table(
            ['event', 'at', 'what', 'by', 'reason'],
            page.items.map((one) => [String(one.seq), when(one.at), one.type, one.actor.name ?? one.actor.id, one.reason ?? '']),
          ),
        );
        if (page.next_cursor) talk(`More: npx holdfast event list --member ${id} --after ${page.next_cursor}`);
      });
    });
}
