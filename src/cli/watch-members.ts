import type { Command } from 'commander';
import type { Finding, JwkSet } from '../federation/entry.js';
import { clean, green, out, showFindings, table, talk, when, yellow } from './output.js';
import { globals, type Page, path, show } from './shell.js';

interface WatchView {
  readonly entity_id: string;
  readonly checked_at: number;
  readonly ok_at: number | null;
  readonly failures: number;
  readonly configuration_exp: number | null;
  readonly findings: readonly (Finding & { readonly since: number })[];
  readonly hold: { readonly fingerprint: string; readonly kind: string; readonly detail: string; readonly jwks: JwkSet; readonly at: number } | null;
}

function describe(one: WatchView): void {
  out(`${clean(one.entity_id)}  looked at ${when(one.checked_at)}, last sound ${when(one.ok_at)}${one.failures ? `, failed ${one.failures} times since` : ''}`);
  if (one.configuration_exp !== null) out(`  its configuration ends ${when(one.configuration_exp)}`);
  if (one.findings.length) out(showFindings(one.findings));
  if (one.hold) {
    out(`  ${yellow('held')} ${one.hold.kind} since ${when(one.hold.at)}: ${clean(one.hold.detail)}`);
    out(`  it shows ${one.hold.jwks.keys.map(({ kid }) => clean(kid)).join(', ')}`);
    talk(
      one.hold.kind === 'hints_withdrawn'
        ? `Ask the member through a second channel. If it left: npx holdfast member suspend ${one.entity_id} --reason …; if not: npx holdfast member hold dismiss ${one.entity_id} --hold ${one.hold.fingerprint} --reason …`
        : `Ask the member through a second channel, then: npx holdfast member hold accept|dismiss ${one.entity_id} --hold ${one.hold.fingerprint} --reason …`,
    );
  }
  if (!one.hold && one.findings.length === 0) out(green('  nothing to say'));
}

/** Verbs of `holdfast member` about what watching has found. */
export function watchMemberCommands(member: Command): void {
  member
    .command('reindex')
    .description('make the indexes of keys and identifiers anew, of all authorities, when fsck says that they differ')
    .action(async (_options: object, command: Command) => {
      const { client, json } = globals(command);
      const one = await client.send<{ state: string }>('POST', '/members/reindex');
      show(json, one, () => talk('The members are being indexed; enrolments wait until that is done.'));
    });
  const root = (authority: string, ...more: string[]) => path('authorities', authority, ...more);
  member
    .command('watch [id]')
    .description('what watching the members has found; with an id, of one')
    .option('--only <what>', 'held, findings or failing')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (id: string | undefined, options: { only?: string; limit: string; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      if (id !== undefined) {
        const one = await client.get<WatchView>(root(authority, 'members', id, 'watch'));
        return show(json, one, () => describe(one));
      }
      const query = new URLSearchParams({ limit: options.limit });
      if (options.only !== undefined) query.set('only', options.only);
      if (options.cursor !== undefined) query.set('cursor', options.cursor);
      const page = await client.get<Page<WatchView>>(`${root(authority, 'watch')}?${query}`);
      return show(json, page, () => {
        if (page.items.length === 0) talk('Nothing to show. Members are looked at as they are evaluated.');
        else
          out(
            table(
              ['entity', 'looked at', 'failures', 'findings', 'held'],
              page.items.map((one) => [
                one.entity_id,
                when(one.checked_at),
                String(one.failures),
                [...new Set(one.findings.map(({ code }) => code))].join(', '),
                one.hold?.kind ?? '',
              ]),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
  const hold = member.command('hold').description('what is held for a person');
  for (const [verb, about] of [
    ['accept', 'bind the keys that are held; you vouch for them'],
    ['dismiss', 'leave everything as it is; the same keys are not held again'],
  ] as const)
    hold
      .command(`${verb} <id>`)
      .description(about)
      .requiredOption('--reason <text>', 'why; it stands in the audit trail')
      .option('--hold <fingerprint>', 'the hold you have looked at (member watch); refused when it shows something else by now')
      .action(async (id: string, { reason, hold: seen }: { reason: string; hold?: string }, command: Command) => {
        const { client, json, authority } = globals(command);
        const one = await client.send<WatchView>('POST', root(authority, 'members', id, 'hold', verb), {
          reason,
          ...(seen !== undefined && { hold: seen }),
        });
        show(json, one, () => describe(one));
      });
}
