import type { Command } from 'commander';
import type { Finding, JwkSet } from '../federation/entry.js';
import { CliError } from './client.js';
import { explainCommand } from './explain.js';
import { clean, dim, green, lines, out, printJson, progress, progressEnds, red, showFindings, table, talk, talkFindings, when, yellow } from './output.js';
import { whole } from './kinds.js';
import { listingCommand } from './listings.js';
import { collect, globals, type Page, path, readInput, readJson, show } from './shell.js';

interface PinView {
  readonly entity_id: string;
  readonly jwks: JwkSet | null;
  readonly note: string | null;
  readonly checked_at: number | null;
  readonly problem: string | null;
  readonly findings?: readonly Finding[];
}
interface EntityView {
  readonly entity_id: string;
  readonly source: string;
  readonly entity_types: readonly string[];
  readonly about: Readonly<Record<string, string>>;
  readonly evaluated_at: number | null;
  readonly due_at: number;
  readonly snapshots: readonly {
    readonly trust_anchor: string;
    readonly state: string;
    readonly error: string | null;
    readonly path: readonly string[];
    readonly trust_mark_types: readonly string[];
    readonly findings: readonly Finding[];
    readonly exp: number | null;
  }[];
}
interface Node {
  readonly id: string;
  readonly depth: number;
  readonly state: string | null;
  readonly entity_types: readonly string[];
  readonly about: Readonly<Record<string, string>>;
}
interface GraphPage {
  readonly trust_anchor: string;
  readonly crawled_at: number | null;
  readonly nodes: readonly Node[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
  readonly next_cursor: string | null;
}

const root = (authority: string, ...more: string[]) => path('authorities', authority, ...more);
const colored = (state: string | null) =>
  state === 'valid' ? green('valid') : state === 'unreachable' ? yellow('unreachable') : red(state ?? 'not evaluated');

export function federationCommands(program: Command): void {
  anchorCommands(program.command('anchor').description('trust anchors this authority resolves under, besides itself'));
  const entity = program.command('entity').description('what the resolver has evaluated');
  entityCommands(entity);
  explainCommand(entity);
  listingCommand(entity);
  graphCommands(program);
}

function anchorCommands(anchor: Command): void {
  anchor
    .command('list')
    .description('pinned anchors')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<PinView>>(root(authority, 'anchors'));
      show(json, page, () =>
        page.items.length
          ? out(
              table(
                ['anchor', 'keys', 'checked', 'problem'],
                page.items.map((one) => [
                  one.entity_id,
                  one.jwks?.keys.map(({ kid }) => kid).join(', ') ?? 'of this deployment',
                  when(one.checked_at),
                  one.problem ?? '',
                ]),
              ),
            )
          : talk('No anchor is pinned; the authority resolves under itself. Pin one: npx holdfast anchor pin <entity-id> --jwks keys.json'),
      );
    });
  anchor
    .command('pin <entity-id>')
    .description("pin an anchor's keys, obtained out of band; again: replace them")
    .option('--jwks <file>', 'its keys as a JWK Set')
    .option('--pem <file>', 'its keys as PEM')
    .option('--thumbprint <value>', 'fetch the keys and pin them if they have exactly these RFC 7638 thumbprints; repeat for several', collect, [])
    .option('--note <text>', 'for people: where the keys came from')
    .addHelpText('after', '\nAn authority of this deployment is pinned without keys: they are read from the store.')
    .action(async (entityId: string, options: { jwks?: string; pem?: string; thumbprint: string[]; note?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<PinView>('POST', root(authority, 'anchors'), {
        entity_id: entityId,
        ...(options.jwks !== undefined && { jwks: readJson(options.jwks) }),
        ...(options.pem !== undefined && { pem: readInput(options.pem) }),
        ...(options.thumbprint.length && { thumbprints: options.thumbprint }),
        ...(options.note !== undefined && { note: options.note }),
      });
      show(json, one, () => {
        talk(`${one.entity_id} is pinned: ${one.jwks?.keys.map(({ kid }) => kid).join(', ') ?? 'keys of this deployment'}`);
        talkFindings(one.findings);
      });
    });
  anchor
    .command('check <entity-id>')
    .description('compare the pinned keys with the ones served now')
    .action(async (entityId: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<{ ok: boolean; added: string[]; removed: string[]; findings: Finding[] }>(
        'POST',
        root(authority, 'anchors', entityId, 'check'),
      );
      show(json, one, () => {
        out(one.ok ? green('the configuration is signed by a pinned key') : showFindings(one.findings));
        if (one.added.length) out(`served and not pinned: ${one.added.map(clean).join(', ')}`);
        if (one.removed.length) out(`pinned and not served: ${one.removed.map(clean).join(', ')}`);
        if (one.added.length || one.removed.length) talk('A rollover? Compare the keys through a second channel, then pin again.');
      });
      if (!one.ok) process.exitCode = 4;
    });
  anchor
    .command('unpin <entity-id>')
    .description('trust it no more; its snapshots go at once')
    .action(async (entityId: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<object>('POST', root(authority, 'anchors', entityId, 'unpin'));
      show(json, one, () => talk(`${entityId} is unpinned`));
    });
}

function describe(one: EntityView): void {
  out(`${clean(one.entity_id)}  ${dim(one.source)}`);
  const name = one.about['organization_name'] ?? one.about['display_name'] ?? one.about['client_name'];
  if (name) out(`  name       ${clean(name)}`);
  out(`  types      ${one.entity_types.map(clean).join(', ') || '—'}`);
  out(`  evaluated  ${when(one.evaluated_at)}, again ${when(one.due_at)}`);
  for (const snapshot of one.snapshots) {
    out(
      `  under ${clean(snapshot.trust_anchor)}: ${colored(snapshot.state)}${snapshot.error ? ` (${snapshot.error})` : ''}${snapshot.exp === null ? '' : `, until ${when(snapshot.exp)}`}`,
    );
    if (snapshot.path.length) out(`    ${snapshot.path.map(clean).join(' → ')}`);
    for (const type of snapshot.trust_mark_types) out(`    mark ${clean(type)}`);
    if (snapshot.findings.length) out(showFindings(snapshot.findings));
  }
}

function entityCommands(entity: Command): void {
  entity
    .command('list')
    .description('search the entity collection')
    .option('--query <text>', 'part of the identifier or of what the entity says of itself')
    .option('--type <type>', 'entity type')
    .option('--mark <type>', 'bears a valid trust mark of this type')
    .option('--anchor <entity-id>', 'evaluated under this trust anchor')
    .option('--state <state>', 'valid, invalid or unreachable')
    .option('--source <source>', 'member, crawl or wish')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (options: Record<string, string | undefined>, command: Command) => {
      const { client, json, authority } = globals(command);
      const query = new URLSearchParams();
      const names = {
        query: 'q',
        type: 'entity_type',
        mark: 'trust_mark_type',
        anchor: 'trust_anchor',
        state: 'state',
        source: 'source',
        limit: 'limit',
        cursor: 'cursor',
      };
      for (const [option, name] of Object.entries(names)) if (options[option] !== undefined) query.set(name, options[option]);
      const page = await client.get<Page<EntityView>>(`${root(authority, 'entities')}?${query}`);
      show(json, page, () => {
        if (page.items.length === 0)
          talk('Nothing matches. Members are evaluated soon after their enrolment; a federation is walked by: npx holdfast job run crawl');
        else
          out(
            table(
              ['entity', 'source', 'types', 'under'],
              page.items.map((one) => [
                one.entity_id,
                one.source,
                one.entity_types.join(','),
                one.snapshots.map((snapshot) => `${snapshot.trust_anchor}: ${snapshot.state}`).join('; ') || 'not evaluated yet',
              ]),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
  entity
    .command('show <entity-id>')
    .description('one entity with its evaluation under every anchor')
    .action(async (entityId: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.get<EntityView>(root(authority, 'entities', entityId));
      show(json, one, () => describe(one));
    });
  entity
    .command('evaluate <entity-id>')
    .description('evaluate it now, without waiting for its turn, and store what is found')
    .action(async (entityId: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<EntityView>('POST', root(authority, 'entities', entityId, 'evaluate'));
      show(json, one, () => describe(one));
      if (one.snapshots.every(({ state }) => state !== 'valid')) process.exitCode = 4;
    });
}

/** All pages of the graph. */
async function readGraph(command: Command, anchor: string | undefined): Promise<Omit<GraphPage, 'next_cursor'>> {
  const { client, authority } = globals(command);
  const nodes: Node[] = [];
  const edges: { readonly from: string; readonly to: string }[] = [];
  let first: GraphPage | undefined;
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = new URLSearchParams({ limit: '1000', ...(anchor !== undefined && { trust_anchor: anchor }), ...(cursor && { cursor }) });
    const page: GraphPage = await client.get<GraphPage>(`${root(authority, 'graph')}?${query}`);
    first ??= page;
    nodes.push(...page.nodes);
    edges.push(...page.edges);
    progress(`${nodes.length} entities`);
    cursor = page.next_cursor;
  }
  progressEnds();
  if (!first || first.crawled_at === null)
    throw new CliError(
      1,
      `${anchor ?? 'the authority'} has not been crawled yet; begin with: npx holdfast job run crawl${anchor === undefined ? '' : ` --anchor ${anchor}`}`,
    );
  return { trust_anchor: first.trust_anchor, crawled_at: first.crawled_at, nodes, edges };
}

/** GraphViz: what `dot -Tsvg` draws. */
function dotOf({ nodes, edges }: Omit<GraphPage, 'next_cursor'>): string {
  const quoted = (text: string) => JSON.stringify(clean(text));
  const color = (state: string | null) => (state === 'valid' ? 'darkgreen' : state === 'unreachable' ? 'orange' : 'red');
  return lines([
    'digraph federation {',
    '  rankdir=TB; node [shape=box, fontname="sans-serif"];',
    ...nodes.map(({ id, state, about }) => `  ${quoted(id)} [color=${color(state)}, tooltip=${quoted(about['organization_name'] ?? '')}];`),
    ...edges.map(({ from, to }) => `  ${quoted(from)} -> ${quoted(to)};`),
    '}',
  ]);
}

function printTree({ nodes, edges, trust_anchor: anchor, crawled_at: at }: Omit<GraphPage, 'next_cursor'>, depth: number): void {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const below = new Map<string, string[]>();
  for (const { from, to } of edges) {
    const known = below.get(from);
    if (known) known.push(to);
    else below.set(from, [to]);
  }
  const line = (id: string, prefix: string, mark: string) => {
    const node = byId.get(id);
    out(`${prefix}${mark}${clean(id)}  ${colored(node?.state ?? null)}  ${dim(node?.entity_types.map(clean).join(', ') ?? '')}`);
  };
  const branch = (id: string, prefix: string, path_: readonly string[]): void => {
    const children = (below.get(id) ?? []).filter((to) => !path_.includes(to));
    if (path_.length > depth) {
      if (children.length) out(`${prefix}… ${children.length} below`);
      return;
    }
    for (const [n, child] of children.entries()) {
      const last = n === children.length - 1;
      line(child, prefix, last ? '└─ ' : '├─ ');
      branch(child, prefix + (last ? '   ' : '│  '), [...path_, child]);
    }
  };
  line(anchor, '', '');
  branch(anchor, '', [anchor]);
  talk(`${nodes.length} entities, crawled ${when(at)}`);
}

function graphCommands(program: Command): void {
  program
    .command('tree')
    .description('the federation below an anchor as the last crawl found it')
    .option('--anchor <entity-id>', 'default: the authority itself')
    .option('--depth <n>', 'levels shown', whole, 10)
    .action(async (options: { anchor?: string; depth: number }, command: Command) => {
      const graph = await readGraph(command, options.anchor);
      show(globals(command).json, graph, () => printTree(graph, options.depth));
    });
  program
    .command('graph')
    .description('the same as nodes and edges: JSON, or GraphViz with --dot')
    .option('--anchor <entity-id>', 'default: the authority itself')
    .option('--dot', 'for: npx holdfast graph --dot | dot -Tsvg > federation.svg')
    .action(async (options: { anchor?: string; dot?: boolean }, command: Command) => {
      const graph = await readGraph(command, options.anchor);
      if (options.dot) out(dotOf(graph));
      else printJson(graph);
    });
}
