import { defineConfig } from 'vitest/config';

/** Federation runs on every runtime without a native addon; engine is one suite on SQLite and on D1 in real workerd. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'federation', include: ['test/federation/*.test.ts'] } },
      { test: { name: 'node', include: ['test/engine/*.test.ts', 'test/node/*.test.ts'], testTimeout: 30_000, hookTimeout: 30_000 } },
    ],
  },
});
