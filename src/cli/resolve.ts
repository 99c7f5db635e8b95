import type { Command } from 'commander';
import type { JwkSet, TrustChain } from '../federation/entry.js';
import type { Walk, WalkStep } from '../rp/entry.node.js';
import { CliError } from './client.js';
import { expectEntityId } from './entity-id.js';
import { clean, dim, green, jsonLines, lines, out, red, showFindings, talk, when } from './output.js';
import { globals, readJson, show } from './shell.js';

export type Resolver = (subject: string, anchors: Readonly<Record<string, JwkSet>>) => Promise<Walk>;

interface AuthorityView {
  readonly slug: string;
  readonly entity_id: string;
}

/** Anchors to trust: a file with the pinned keys, or the authorities of the deployment, their keys read over the admin API. */
async function anchorsOf(file: string | undefined, command: Command): Promise<Readonly<Record<string, JwkSet>>> {
  if (file !== undefined) return readJson(file) as Record<string, JwkSet>;
  const { client } = globals(command);
  const { items } = await client.get<{ items: AuthorityView[] }>('/authorities');
  const entries = await Promise.all(
    items.map(async ({ slug, entity_id: id }) => {
      const keys = await client.get<{ items: { state: string; jwk: JwkSet['keys'][number] }[] }>(`/authorities/${slug}/keys`);
      return [id, { keys: keys.items.filter(({ state }) => ['staged', 'active', 'retiring'].includes(state)).map(({ jwk }) => jwk) }] as const;
    }),
  );
  return Object.fromEntries(entries);
}

function tree({ statements, exp, metadata }: TrustChain): void {
  for (const [n, { claims, header }] of [...statements].reverse().entries()) {
    const place = n === 0 ? '' : `${'   '.repeat(n - 1)}└─ `;
    out(`${place}${clean(claims.sub)}  ${dim(`signed by ${clean(claims.iss)}, key ${clean(header.kid)}, expires ${when(claims.exp)}`)}`);
  }
  out(`chain expires ${when(exp)}`);
  out(`resolved metadata ${jsonLines(metadata)}`);
}

const step = ({ what, of, findings }: WalkStep) =>
  lines([`${findings.length ? red('✗') : green('✓')} ${what} ${of.join(' → ')}`, ...(findings.length ? [showFindings(findings)] : [])]);

export function resolveCommand(program: Command, resolver: Resolver): void {
  program
    .command('resolve <entity-id>')
    .description('collect the trust chains of an entity over the wire, validate them, show the best')
    .option('--anchors <file>', 'JSON object from entity identifier to JWK Set; default: the authorities of your deployment')
    .option('--explain', 'every step, with its rule and what failed')
    .action(async (subject: string, options: { anchors?: string; explain?: boolean }, command: Command) => {
      const { json } = globals(command);
      expectEntityId(subject);
      const anchors = await anchorsOf(options.anchors, command);
      const { chains, steps } = await resolver(subject, anchors);
      const [best] = chains;
      const value = {
        subject,
        valid: best !== undefined,
        trust_anchor: best?.trustAnchor ?? null,
        exp: best?.exp ?? null,
        metadata: best?.metadata ?? null,
        trust_chain: best?.statements.map(({ compact }) => compact) ?? null,
        steps,
      };
      show(json, value, () => {
        if (options.explain || !best) for (const one of steps) out(step(one));
        if (best) tree(best);
        if (chains.length > 1) talk(`${chains.length} chains are valid; this is the shortest`);
      });
      if (!best) throw new CliError(4, `no valid trust chain leads from ${subject} to ${Object.keys(anchors).join(' or ') || 'any anchor'}`);
    });
}
