import { availableParallelism } from 'node:os';
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

/** Also where the machine has two processors, of which vitest would leave one idle. */
const CORES = Math.max(2, availableParallelism());
/** A test that waits for workerd or PostgreSQL leaves its processor to another one: half as many again are a fifth faster. */
const ENGINES = { maxWorkers: Math.ceil(1.5 * CORES), sequence: { groupOrder: 2 } };
/** By themselves: that would starve the tests that kill, freeze and cut off whole servers. */
const PROCESSES = { maxWorkers: CORES, sequence: { groupOrder: 1 } };
/** Until what hangs is given up (milliseconds); a busy machine, or a slow one, is no reason to. */
const PATIENT = { testTimeout: 180_000, hookTimeout: 180_000 };

/**
 * Five projects. federation: pure, no native addon, every Node. node: the shared suite on SQLite files. processes: what only
 * Node has, the command line and whole processes. postgres: the shared suite on a real server, which the tests start. workers:
 * the pure and the shared suite again, in real workerd on a real D1. Only the files of `processes` have modules of their own:
 * what the others share between files is loaded once.
 */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'federation', ...ENGINES, include: ['test/federation/*.test.ts'], ...PATIENT, isolate: false } },
      { test: { name: 'node', ...ENGINES, include: ['test/engine/*.test.ts'], ...PATIENT, isolate: false } },
      { test: { name: 'processes', ...PROCESSES, include: ['test/node/*.test.ts'], ...PATIENT } },
      {
        resolve: { conditions: ['postgres'] },
        ssr: { resolve: { conditions: ['postgres'] } },
        test: {
          name: 'postgres',
          ...ENGINES,
          include: ['test/engine/*.test.ts'],
          globalSetup: ['test/support/postgres-global.ts'],
          ...PATIENT,
          isolate: false,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: {
                MIGRATIONS: await readD1Migrations('drizzle'),
                HOLDFAST_URL: 'https://edge.example.org',
                HOLDFAST_SEAL_KEY: btoa('0123456789abcdef0123456789abcdef'),
                HOLDFAST_ADMIN_TOKEN: 'edge-owner-token-for-tests',
              },
            },
          })),
        ],
        test: {
          name: 'workers',
          ...ENGINES,
          include: ['test/federation/*.test.ts', 'test/engine/*.test.ts', 'test/workers/*.test.ts'],
          ...PATIENT,
          isolate: false,
        },
      },
    ],
  },
});
