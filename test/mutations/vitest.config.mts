import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The quick tests first: what they notice need not be tried with whole deployments, nor with thousands of made-up inputs. */
class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const groups = [/(hostile|parsers|algebra)/, /test\/engine\//, /test\/node\//];
    const cost = ({ moduleId }: TestSpecification) => groups.findIndex((group) => group.test(moduleId));
    return [...files].sort((a, b) => cost(a) - cost(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

const ABOUT_THEM = [
  'test/federation/*.test.ts',
  'test/engine/resolve.test.ts',
  'test/engine/endless-marks.test.ts',
  'test/engine/set-aside.test.ts',
  'test/node/outbound.test.ts',
];
const named = (process.env['MUTATION_TESTS'] ?? '').split(',').filter(Boolean);

/** The tests that speak of the pure core, the walk and the guarded fetcher; all in one context, see runner.ts. */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    include: named.length ? named : ABOUT_THEM,
    runner: './test/mutations/runner.ts',
    // Threads: whoever ends the process ends the tests with it.
    pool: 'threads',
    isolate: false,
    maxWorkers: 1,
    fileParallelism: false,
    sequence: { sequencer: QuickFirst },
    testTimeout: 3_600_000,
    hookTimeout: 60_000,
    dangerouslyIgnoreUnhandledErrors: true,
  },
});
