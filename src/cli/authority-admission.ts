import { isDryRun } from './dry-run.js';
import type { Command } from 'commander';
import { type AuthorityView, headLine } from './authority-view.js';
import { CliError } from './client.js';
import { EXIT } from './exit-codes.js';
import { clean, jsonLines, out } from './output.js';
import { collect, globals, path, readJson, show } from './shell.js';

interface Options {
  readonly rules?: string;
  readonly require: string[];
  readonly none?: boolean;
  readonly suspend?: boolean;
}
interface SetView {
  readonly authority: AuthorityView & { readonly admission: object };
  readonly suspended: readonly string[];
}
interface Rule {
  accreditations?: string[];
  sponsor?: 'required';
}

/** `oauth_client=sponsor`, `openid_provider=iso27001,contract`, `*=legal_entity`. @throws CliError */
function rulesOf(required: readonly string[]): Readonly<Record<string, Rule>> {
  const rules: Record<string, Rule> = {};
  for (const one of required) {
    const [type = '', list = ''] = one.split('=', 2);
    const names = list.split(',').filter(Boolean);
    if (type === '' || names.length === 0) throw new CliError(EXIT.usage, `--require ${one}: write it as oauth_client=sponsor,iso27001`);
    const rule = rules[type] ?? {};
    rules[type] = rule;
    const kinds = names.filter((name) => name !== 'sponsor');
    if (kinds.length) rule.accreditations = [...(rule.accreditations ?? []), ...kinds];
    if (names.includes('sponsor')) rule.sponsor = 'required';
  }
  return rules;
}

/** `authority admission`. */
export function admissionCommand(authority: Command): void {
  authority
    .command('admission <slug>')
    .description('what members have to have to be in force, by Entity Type; to demand less takes two persons where the quorum is 2')
    .option(
      '--require <type=kinds>',
      'such as oauth_client=sponsor,iso27001, or *=legal_entity for all; repeat; together they replace what stood there',
      collect,
      [],
    )
    .option('--rules <file>', 'the same as JSON: {"oauth_client":{"accreditations":["iso27001"],"sponsor":"required"}}')
    .option('--none', 'demand nothing')
    .option('--suspend', 'suspend the active members that do not meet them; else such rules are refused')
    .action(async (slug: string, options: Options, command: Command) => {
      const { client, json } = globals(command);
      const given = [options.rules !== undefined, options.require.length > 0, options.none === true].filter(Boolean).length;
      if (given > 1) throw new CliError(EXIT.usage, 'give one of --require, --rules and --none');
      if (given === 0) {
        const one = await client.get<SetView['authority']>(path('authorities', slug));
        return show(json, one.admission, () => out(jsonLines(one.admission)));
      }
      const rules = options.none ? {} : options.rules === undefined ? rulesOf(options.require) : readJson(options.rules);
      const body = { rules, ...(options.suspend && { suspend: true }) };
      const one = await client.send<SetView>('PUT', path('authorities', slug, 'admission'), body);
      return show(json, one, () => {
        out(headLine(one.authority));
        out(jsonLines(one.authority.admission));
        for (const entityId of one.suspended) out(`  ${isDryRun() ? 'would be suspended' : 'suspended'}  ${clean(entityId)}`);
      });
    });
}
