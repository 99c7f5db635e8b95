import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The pure tests first: they are quick, and what they notice need not be tried with whole deployments. */
class PureFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const cost = ({ moduleId }: TestSpecification) => ['/federation/', '/engine/', '/node/'].findIndex((folder) => moduleId.includes(`test${folder}`));
    return [...files].sort((a, b) => cost(a) - cost(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** The tests that speak of the pure core, the walk and the guarded fetcher; all in one context, see runner.ts. */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    include: [
      'test/federation/*.test.ts',
      'test/engine/resolve.test.ts',
      'test/engine/endless-marks.test.ts',
      'test/engine/set-aside.test.ts',
      'test/node/outbound.test.ts',
    ],
    runner: './test/mutations/runner.ts',
    // Threads: whoever ends the process ends the tests with it.
    pool: 'threads',
    isolate: false,
    maxWorkers: 1,
    fileParallelism: false,
    sequence: { sequencer: PureFirst },
    testTimeout: 3_600_000,
    hookTimeout: 60_000,
    dangerouslyIgnoreUnhandledErrors: true,
  },
});
