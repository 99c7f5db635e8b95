import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { type RunnerTestCase, TestRunner } from 'vitest';

/** What the instrumented code reads and writes: which mutant is on, and what the test at hand has reached. */
interface Switches {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  mutantCoverage?: { readonly static: Record<string, number>; readonly perTest: Record<string, Record<string, number>> } | undefined;
}
const shared = globalThis as { __stryker__?: Switches };
shared.__stryker__ ??= {};
const switches = shared.__stryker__;

/** One line a fact, flushed at once: whoever watches sees where a test hangs, and a second run goes on from there. */
const LOG = process.env['MUTATION_LOG'] ?? '';
/** One share of every so-manyth mutant. */
const [share = 0, shares = 1, sample = 1] = (process.env['MUTATION_SHARE'] ?? '0/1/1').split('/').map(Number);
const mine = (id: string): boolean => Number(id) % sample === 0 && (Number(id) / sample) % shares === share;
const note = (line: string) => appendFileSync(LOG, `${line}\n`);

/** Mutants that need no further test, and tests that a mutant survived, from this run and from one that was stopped. */
const killed = new Set<string>();
const survived = new Set<string>();
for (const line of existsSync(LOG) ? readFileSync(LOG, 'utf8').split('\n') : []) {
  const [what, mutant, test] = line.split('\t');
  if (what === 'killed' || what === 'hung') killed.add(mutant as string);
  if (what === 'survived') survived.add(`${mutant}\t${test}`);
}

const TEST_DEADLINE_MS = 5_000;
/** A mutated loop that goes round this many times more often than the whole one is endless. */
const HITS = 200;

/**
 * Runs each test as it is, and then once more for each mutant that it reached and that no test has noticed yet. So what a
 * test file loads is loaded once, and a mutant costs what its tests cost.
 */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default class MutationRunner extends TestRunner {
  /** What is only reached while files load: a switch turned later does nothing to it. */
  override onAfterRunFiles(): void {
    for (const id of Object.keys(switches.mutantCoverage?.static ?? {})) note(`loaded\t${id}\t-`);
    super.onAfterRunFiles();
  }

  async runTask(test: RunnerTestCase): Promise<void> {
    const run = TestRunner.getTestFn(test);
    switches.currentTestId = test.id;
    try {
      await run();
    } finally {
      switches.currentTestId = undefined;
    }
    const name = `${test.file.name} > ${test.name}`.replace(/\s+/g, ' ');
    const reached = Object.entries(switches.mutantCoverage?.perTest[test.id] ?? {}).filter(
      ([id]) => mine(id) && !killed.has(id) && !survived.has(`${id}\t${name}`),
    );
    if (reached.length === 0) return;
    if (!(await passes(run))) return note(`not repeatable\t-\t${name}`);
    for (const [id, hits] of reached) {
      note(`trying\t${id}\t${name}`);
      if (await passes(run, id, hits)) {
        note(`survived\t${id}\t${name}`);
        continue;
      }
      killed.add(id);
      note(`killed\t${id}\t${name}`);
      // What the mutant left behind may break the test for others: then this test has nothing more to say.
      if (!(await passes(run))) return note(`spoilt\t${id}\t${name}`);
    }
  }
}

async function passes(run: () => unknown, mutant?: string, hits = 0): Promise<boolean> {
  switches.activeMutant = mutant;
  switches.hitCount = mutant === undefined ? undefined : 0;
  switches.hitLimit = hits * HITS + HITS;
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('too late')), TEST_DEADLINE_MS);
    });
    await Promise.race([run(), late]);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    switches.activeMutant = undefined;
  }
}
