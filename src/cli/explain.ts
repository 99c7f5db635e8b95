import type { Command } from 'commander';
import type { Finding } from '../federation/entry.js';
import { EXIT } from './exit-codes.js';
import { clean, green, jsonLines, lines, out, red, showFindings, when } from './output.js';
import { stepLine } from './resolve.js';
import { globals, path, show } from './shell.js';

interface Explanation {
  readonly entity_id: string;
  readonly under: readonly {
    readonly trust_anchor: string;
    readonly state: string;
    readonly exp?: number;
    readonly metadata?: unknown;
    readonly trust_chain?: readonly string[];
    readonly findings?: readonly Finding[];
  }[];
  readonly steps: Parameters<typeof stepLine>[0][];
}

function describe({ under, steps }: Explanation): void {
  for (const one of steps) out(stepLine(one));
  for (const { trust_anchor: id, state, exp, metadata, trust_chain: chain = [], findings = [] } of under)
    out(
      state === 'valid'
        ? lines([`${green('✓')} under ${clean(id)}: chain of ${chain.length}, expires ${when(exp)}`, `  resolved metadata ${jsonLines(metadata, '  ')}`])
        : lines([`${red('✗')} under ${clean(id)}: ${clean(state)}`, ...(findings.length ? [showFindings(findings)] : [])]),
    );
}

/** `entity explain`: as the server sees it, from its place in the network and under its pinned anchors. */
export function explainCommand(entity: Command): void {
  entity
    .command('explain <entity-id>')
    .description('have the server evaluate an entity now and say every step; stores nothing. From this machine: resolve --explain')
    .option('--anchor <entity-id>', 'under this anchor only; default: every anchor of the authority')
    .action(async (entityId: string, { anchor }: { anchor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const found = await client.ask<Explanation>(path('authorities', authority, 'explain'), {
        entity_id: entityId,
        ...(anchor !== undefined && { trust_anchor: anchor }),
      });
      show(json, found, () => describe(found));
      if (found.under.every(({ state }) => state !== 'valid')) process.exitCode = EXIT.findings;
    });
}
