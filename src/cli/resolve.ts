import type { Command } from 'commander';
import type { JwkSet, TrustChain } from '../federation/entry.js';
import type { WalkStep } from '../rp/entry.node.js';
import { expectEntityId } from './entity-id.js';
import { type AnchorVerdict, type Resolver, verdicts } from './resolve-anchors.js';
import { clean, dim, green, jsonLines, lines, out, red, showFindings, talk, when } from './output.js';
import { globals, readJson, show } from './shell.js';

interface AuthorityView {
  readonly slug: string;
  readonly entity_id: string;
}

/** Anchors to trust: a file with the pinned keys, or the authorities of the deployment and what they have pinned, over the admin API. */
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
  const pins = await Promise.all(items.map(({ slug }) => client.get<{ items: PinView[] }>(`/authorities/${slug}/anchors`)));
  // Keys of an authority of ours are read from the store: a pin of it has none.
  const pinned = pins.flatMap((page) => page.items.flatMap(({ entity_id: id, jwks }) => (jwks === null ? [] : [[id, jwks] as const])));
  return Object.fromEntries([...pinned, ...entries]);
}

interface PinView {
  readonly entity_id: string;
  readonly jwks: JwkSet | null;
}

const MARK = { valid: () => green('✓'), invalid: () => red('✗'), elsewhere: () => dim('·') } as const;

/** A line an anchor, with the reason where it gives no chain. */
function perAnchor(all: readonly AnchorVerdict[]): void {
  for (const { trust_anchor: id, state, statements, exp, findings } of all) {
    const said = { valid: `chain of ${statements}, expires ${when(exp)}`, invalid: 'no valid chain', elsewhere: 'not above this entity' }[state];
    out(`${MARK[state]()} under ${clean(id)}: ${said}`);
    if (state === 'invalid' && findings.length) out(showFindings(findings));
  }
}

function tree({ statements, exp, metadata }: TrustChain): void {
  for (const [n, { claims, header }] of [...statements].reverse().entries()) {
    const place = n === 0 ? '' : `${'   '.repeat(n - 1)}└─ `;
    out(`${place}${clean(claims.sub)}  ${dim(`signed by ${clean(claims.iss)}, key ${clean(header.kid)}, expires ${when(claims.exp)}`)}`);
  }
  out(`chain expires ${when(exp)}`);
  out(`resolved metadata ${jsonLines(metadata)}`);
}

/** One step of a walk, with what failed in it. */
export const stepLine = ({ what, of, findings }: WalkStep) =>
  lines([`${findings.length ? red('✗') : green('✓')} ${what} ${of.join(' → ')}`, ...(findings.length ? [showFindings(findings)] : [])]);

export function resolveCommand(program: Command, resolver: Resolver): void {
  program
    .command('resolve <entity-id>')
    .description('collect the trust chains of an entity over the wire, validate them, show the best')
    .option('--anchors <file>', 'JSON object from entity identifier to JWK Set; default: your authorities and the anchors pinned there')
    .option('--explain', 'every step, with its rule and what failed')
    .action(async (subject: string, options: { anchors?: string; explain?: boolean }, command: Command) => {
      const { json } = globals(command);
      expectEntityId(subject);
      const anchors = await anchorsOf(options.anchors, command);
      const walk = await resolver(subject, anchors);
      const { chains, steps } = walk;
      const under = await verdicts(subject, anchors, walk, resolver);
      const [best] = chains;
      const value = {
        subject,
        valid: best !== undefined,
        trust_anchor: best?.trustAnchor ?? null,
        exp: best?.exp ?? null,
        metadata: best?.metadata ?? null,
        trust_chain: best?.statements.map(({ compact }) => compact) ?? null,
        under,
        steps,
      };
      show(json, value, () => {
        if (options.explain || !best) for (const one of steps) out(stepLine(one));
        if (best) tree(best);
        if (under.length > 1 || !best) perAnchor(under);
        if (chains.length > 1) talk(`${chains.length} chains are valid; this is the shortest`);
      });
      const broken = under.filter(({ state }) => state === 'invalid').map(({ trust_anchor: id }) => id);
      if (best && broken.length === 0) return;
      const to = best ? broken : Object.keys(anchors);
      talk(`${red('holdfast:')} no valid trust chain leads from ${clean(subject)} to ${to.map(clean).join(' or ') || 'any anchor'}`);
      process.exitCode = 4;
    });
}
