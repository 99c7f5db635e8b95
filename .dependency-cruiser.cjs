// The layers of docs/architecture.md §3. LAYERS: what a folder may import. NEVER: what it must not reach, however far away.
// test/support/layer-canary/ breaks every rule once; `npm run check:layers` fails unless each of them fires there.
const ROOT = process.env.LAYERS_ROOT ?? 'src';

const LAYERS = {
  federation: [],
  audit: ['federation'],
  outbound: ['federation'],
  resolver: ['federation', 'outbound'],
  keys: ['federation'],
  store: ['federation', 'audit', 'keys/random\\.'],
  edge: ['federation'],
  operations: ['federation', 'audit', 'resolver', 'outbound', 'keys', 'store'],
  public: ['federation', 'edge', 'store/(published|inbox|schema|trouble)\\.'],
  admin: ['federation', 'audit', 'operations', 'edge', 'keys/random\\.', 'store/(schema|database|event|joined-event|trouble)\\.'],
  join: ['federation', 'operations', 'edge', 'admin/(errors|registering-wire)\\.', 'store/schema\\.'],
  rp: ['federation', 'resolver', 'outbound'],
  cli: ['federation', 'audit', 'rp', 'keys/random\\.', 'edge/(csv|encoding|written-time)\\.'],
};
/** Both drivers (store/sqlite.node.ts). */
const SQLITE = 'better-sqlite3(-12)?';
/** Folder → npm packages that must not be reached even through others. */
const NEVER = {
  federation: `hono|drizzle-orm|${SQLITE}|undici|commander|pino`,
  resolver: `hono|drizzle-orm|${SQLITE}`,
  operations: `hono|@hono|${SQLITE}`,
  rp: `hono|drizzle-orm|${SQLITE}`,
  cli: `drizzle-orm|${SQLITE}`,
};
const inside = (folder) => `^${ROOT}/${folder}/`;
const packages = (names) => `node_modules/(${names})/`;

const layerRules = Object.entries(LAYERS).map(([folder, allowed]) => ({
  name: `layer-${folder}`,
  severity: 'error',
  from: { path: inside(folder) },
  to: { path: `^${ROOT}/`, pathNot: [inside(folder), ...allowed.map((one) => (one.includes('/') ? `^${ROOT}/${one}` : inside(one)))] },
}));
const neverRules = Object.entries(NEVER).map(([folder, names]) => ({
  name: `never-${folder}`,
  severity: 'error',
  from: { path: inside(folder) },
  to: { path: packages(names), reachable: true },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    ...neverRules,
    // The public plane cannot sign: no key, no writer, no operation within reach.
    {
      name: 'public-cannot-sign',
      severity: 'error',
      from: { path: inside('public') },
      to: { path: `^${ROOT}/(keys/|operations/|store/(change|store|database|bulk)\\.)`, reachable: true },
    },
    { name: 'federation-is-pure', severity: 'error', from: { path: inside('federation') }, to: { dependencyTypes: ['core'] } },
    {
      name: 'sqlite-driver-behind-one-seam',
      severity: 'error',
      from: { path: `^${ROOT}/`, pathNot: `^${ROOT}/store/sqlite\\.node\\.ts$` },
      to: { path: packages(`${SQLITE}|@types/better-sqlite3`) },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'node-only-code-behind-one-seam',
      severity: 'error',
      from: { path: `^${ROOT}/`, pathNot: [inside('platform'), '\\.node\\.ts$', inside('cli')] },
      to: { path: '\\.node\\.ts$' },
    },
    {
      name: 'worker-reaches-no-node-code',
      severity: 'error',
      from: { path: `^${ROOT}/platform/worker\\.ts$` },
      to: { path: '\\.node\\.ts$', reachable: true },
    },
    {
      name: 'core-modules-in-node-files-only',
      severity: 'error',
      from: { path: `^${ROOT}/`, pathNot: ['\\.node\\.ts$', inside('cli')] },
      to: { dependencyTypes: ['core'] },
    },
    { name: 'folder-not-in-the-table', severity: 'error', from: {}, to: { path: `^${ROOT}/`, pathNot: [...Object.keys(LAYERS), 'platform'].map(inside) } },
    { name: 'nothing-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true, pathNot: '^(cloudflare:|#)' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'], exportsFields: ['exports'], conditionNames: ['import', 'node', 'types'] },
  },
};
