import {
  createKeyCache,
  type EntityStatement,
  type Finding,
  type JwkSet,
  limits,
  rememberingSignatures,
  type Result,
  type TrustChain,
  validateTrustChain,
} from '../federation/entry.js';
import { requireNow } from '../federation/numeric-date.js';
import { type Budget, createBudget } from '../outbound/evaluation-budget.js';
import { createTurns, type Turns } from '../outbound/turns.js';
import { createGatherer, type Gatherer, type GatherOptions } from './gather.js';
import { validateGathered } from './validate-gathered.js';

export interface WalkOptions extends GatherOptions {
  readonly anchors: Readonly<Record<string, JwkSet>>;
  /** Statements that another walk of the same evaluation has gathered; then `source` is not asked, and nothing is paid twice. */
  readonly gatherer?: Gatherer;
}

/** One thing the walk did, in order; `findings` says what went wrong there. */
export interface WalkStep {
  readonly what: 'configuration' | 'statement' | 'chain' | 'budget';
  /** The entity, or issuer and subject of a statement, or the identifiers of a chain. */
  readonly of: readonly string[];
  readonly findings: readonly Finding[];
}

export interface Walk {
  /** Every valid chain, the best first: fewest statements, then the longest life (§10.3 leaves the choice to us). */
  readonly chains: readonly TrustChain[];
  readonly steps: readonly WalkStep[];
  /** The subject's own Entity Configuration, when it is sound in itself. */
  readonly configuration: EntityStatement | undefined;
  /** The superiors that each entity names whose configuration was read: the graph as far as it is known. */
  readonly superiors: ReadonlyMap<string, readonly string[]>;
}

/**
 * Paths to one entity of one length that are taken further, for each of the subject's superiors apart: other routes of the
 * same length to the same place rarely lead to another answer, and without this bound there are as many as a stranger likes.
 */
const PATHS_TO_A_PLACE = 4;
/** Candidate chains to one anchor that are validated, the shortest first. */
const CHAINS_TO_AN_ANCHOR = 16;
/** Superiors asked at the same time, shared among the branches; each branch may always ask one. */
const PARALLEL = 8;

/** Entities from the subject upwards, and their statements: the subject's configuration, then one about each. */
interface Path {
  readonly entities: readonly string[];
  readonly chain: readonly string[];
}

/**
 * Collect statements from the subject upwards along `authority_hints` until configured Trust Anchors, and validate
 * the chains found (§10.1). The search is breadth first and bounded in every direction. Nothing is fetched twice; a hint that
 * closes a loop is not followed.
 */
export async function walk(subject: string, given: WalkOptions): Promise<Walk> {
  requireNow(given?.now);
  const budget = given.budget ?? createBudget();
  // A statement is met twice: when it is fetched, and in every chain it is part of.
  const options = { ...given, keyCache: given.keyCache?.signatures ? given.keyCache : rememberingSignatures(given.keyCache ?? createKeyCache(64)) };
  const gatherer = given.gatherer ?? createGatherer({ ...options, budget });
  const trace = createTrace(gatherer, options.anchors);
  const candidates = await climb(subject, { anchors: options.anchors, budget, trace });
  const chains: TrustChain[] = [];
  for (const { entities, chain } of candidates) {
    const spent = await budget.take('chains');
    if (spent) {
      trace.note('budget', [subject], [spent]);
      break;
    }
    const validate = (one: readonly string[]) => budget.read(() => validateTrustChain(one, { ...options, subject }));
    const ends = [[0, subject] as const, [chain.length - 1, entities.at(-1) as string] as const];
    const result = await validateGathered(chain, ends, gatherer, validate);
    trace.note('chain', entities, result.ok ? [] : result.findings);
    if (result.ok) chains.push(result.value);
  }
  const own = await gatherer.configuration(subject);
  return { chains: chains.sort(byChoice), steps: trace.steps, configuration: own.ok ? own.value : undefined, superiors: trace.superiors };
}

/**
 * Which of several valid chains is used (§10.3 leaves it to us): the fewest statements, then the longest life, then the
 * superiors' identifiers in byte order, so that the same graph always gives the same answer.
 */
function byChoice(a: TrustChain, b: TrustChain): number {
  const issuers = ({ statements }: TrustChain) => statements.map(({ claims }) => claims.iss).join(' ');
  return a.statements.length - b.statements.length || b.exp - a.exp || (issuers(a) < issuers(b) ? -1 : 1);
}

interface Climb {
  readonly anchors: Readonly<Record<string, JwkSet>>;
  readonly budget: Budget;
  readonly trace: Trace;
}

/** An entity reached, and which of its superiors are to be asked about it. */
interface Step {
  readonly path: Path;
  readonly hints: readonly string[];
}

/** The search above one of the subject's superiors. */
interface Branch {
  readonly queue: Step[];
  /** Exchanges it has caused. */
  spent: number;
  /** Its exchanges at the same time. */
  readonly turns: Turns;
  /** How many paths have reached a place. */
  readonly places: Map<string, number>;
}

/**
 * Candidate chains: paths that end at a configured Trust Anchor, at most so many to each, the shortest first. Each superior
 * of the subject is a branch with a share of the budget: one that is slow, or whose own superiors fan out, takes nothing from
 * the others. What a branch leaves over is shared out again.
 */
async function climb(subject: string, { anchors, budget, trace }: Climb): Promise<readonly Path[]> {
  const found = new Map<string, Path[]>();
  let spent = await budget.take('paths');
  const own = spent ? undefined : await trace.configuration(subject);
  if (own?.ok) {
    const start = { entities: [subject], chain: [own.value.compact] };
    if (Object.hasOwn(anchors, subject)) add(subject, start);
    const hints = superiorsOf(start);
    const turns = () => createTurns(Math.max(1, Math.floor(PARALLEL / hints.length)));
    let open = hints.map((hint): Branch => ({ queue: [{ path: start, hints: [hint] }], spent: 0, turns: turns(), places: new Map() }));
    while (open.length > 0 && !spent) {
      const share = Math.max(1, Math.floor(budget.fetches / open.length));
      await Promise.all(open.map((branch) => explore(branch, branch.spent + share)));
      open = open.filter(({ queue }) => queue.length > 0);
    }
  }
  if (spent) trace.note('budget', [subject], [spent]);
  return [...found.values()].flatMap((paths) => [...paths].sort((a, b) => a.entities.length - b.entities.length).slice(0, CHAINS_TO_AN_ANCHOR));

  /** Breadth first, until the branch has caused so many exchanges. */
  async function explore(branch: Branch, until: number): Promise<void> {
    while (branch.queue.length > 0 && branch.spent < until && !spent) {
      const steps: Step[] = [];
      while (!spent && steps.length < PARALLEL && branch.queue.length > 0) {
        spent ??= await budget.take('paths');
        const step = spent ? undefined : branch.queue.shift();
        if (step) steps.push(step);
      }
      const above = await Promise.all(steps.map((step) => ask(branch, step)));
      for (const path of above.flat()) {
        const hints = path.entities.length > limits.MAX_CHAIN_DEPTH ? [] : superiorsOf(path);
        if (hints.length > 0 && roomAt(branch, path, path.entities.length, PATHS_TO_A_PLACE)) branch.queue.push({ path, hints });
      }
    }
  }

  /** A longer path for each superior that states the end of this one; a candidate where that superior is an anchor. */
  async function ask(branch: Branch, { path, hints }: Step): Promise<readonly Path[]> {
    const id = path.entities.at(-1) as string;
    const longer = await Promise.all(
      hints.map(async (hint): Promise<readonly Path[]> => {
        const done = await branch.turns.take();
        branch.spent += trace.price(hint, id);
        const statement = await trace.statement(hint, id).finally(done);
        if (!statement.ok) return [];
        const one = { entities: [...path.entities, hint], chain: [...path.chain, statement.value.compact] };
        const above = Object.hasOwn(anchors, hint) ? await trace.configuration(hint) : undefined;
        if (above?.ok && roomAt(branch, one, 'chain', CHAINS_TO_AN_ANCHOR)) add(hint, { ...one, chain: [...one.chain, above.value.compact] });
        return [one];
      }),
    );
    return longer.flat();
  }

  function add(anchor: string, candidate: Path): void {
    const known = found.get(anchor) ?? [];
    known.push(candidate);
    found.set(anchor, known);
  }

  function superiorsOf({ entities }: Path): readonly string[] {
    return (trace.superiors.get(entities.at(-1) as string) ?? []).filter((hint) => !entities.includes(hint));
  }
}

/** Is there room for one more path of a kind to where this one ends? */
function roomAt({ places }: Branch, { entities }: Path, kind: string | number, most: number): boolean {
  const place = `${kind} ${entities.at(-1)}`;
  const before = places.get(place) ?? 0;
  places.set(place, before + 1);
  return before < most;
}

/**
 * Superiors that are looked at: each once, and no more than the limit, however many are named (SE-01). The anchors among them
 * come first: who is in many federations names ours where it likes.
 */
function hintsOf({ claims }: EntityStatement, anchors: WalkOptions['anchors']): readonly string[] {
  const named = [...new Set<string>(claims.authority_hints ?? [])];
  if (named.length <= limits.MAX_AUTHORITY_HINTS) return named;
  const isAnchor = (hint: string): boolean => Object.hasOwn(anchors, hint);
  return [...named.filter(isAnchor), ...named.filter((hint) => !isAnchor(hint))].slice(0, limits.MAX_AUTHORITY_HINTS);
}

/** What one walk has looked at, in order: each thing once, whoever gathered it first. */
interface Trace extends Omit<Gatherer, 'anew'> {
  readonly steps: readonly WalkStep[];
  readonly superiors: ReadonlyMap<string, readonly string[]>;
  note(what: WalkStep['what'], of: readonly string[], findings: readonly Finding[]): true;
}

function createTrace(gatherer: Gatherer, anchors: WalkOptions['anchors']): Trace {
  const steps: WalkStep[] = [];
  const superiors = new Map<string, readonly string[]>();
  const noted = new Set<string>();
  const note = (what: WalkStep['what'], of: readonly string[], findings: readonly Finding[]): true => {
    const key = `${what} ${of.join(' ')}`;
    if (!noted.has(key)) steps.push({ what, of, findings });
    noted.add(key);
    return true;
  };
  const noting = async (what: WalkStep['what'], of: readonly string[], load: Promise<Result<EntityStatement>>) => {
    const result = await load;
    note(what, of, result.ok ? [] : result.findings);
    return result;
  };
  const configuration = async (id: string) => {
    const result = await noting('configuration', [id], gatherer.configuration(id));
    if (result.ok) superiors.set(id, hintsOf(result.value, anchors));
    return result;
  };
  return {
    steps,
    superiors,
    note,
    configuration,
    price: gatherer.price,
    async statement(superior, subject) {
      await configuration(superior);
      return noting('statement', [superior, subject], gatherer.statement(superior, subject));
    },
  };
}
