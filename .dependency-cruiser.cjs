/** Who may import whom; CONTRIBUTING.md has the picture. Tests may import anything, and nothing imports a test. */
const tests = '\\.(test|test-d|contract)\\.ts$|/testing/';
const src = '^packages/core/src/';
const small = ['in-flight\\.ts$', 'crashpoint\\.ts$', 'log\\.ts$', 'signals\\.ts$', 'version\\.ts$'];
const port = 'engine/engine\\.ts$';
const below = ['task/', 'fleet/', 'canvas/', 'store/', 'results/', 'policies/', 'execution/', 'isolation/', 'client/', 'worker/'];

/** Room → what it may import of core, besides itself. Everything else is refused. */
const rooms = {
  errors: { at: 'errors\\.ts$', may: [] },
  small: { at: '(crashpoint|in-flight|log|signals|version)\\.ts$', may: ['errors\\.ts$', ...small] },
  task: { at: 'task/', may: ['errors\\.ts$'] },
  canvas: { at: 'canvas/', may: ['errors\\.ts$', 'task/'] },
  store: { at: 'store/', may: ['errors\\.ts$', 'task/', port] },
  results: { at: 'results/', may: ['errors\\.ts$', ...small, 'task/', port] },
  // What is said between a worker and who steers it.
  fleet: { at: 'fleet/', may: ['errors\\.ts$', ...small, 'task/', 'store/workers\\.ts$', 'worker/state\\.ts$'] },
  policies: { at: 'policies/', may: ['errors\\.ts$', ...small, 'task/', 'canvas/', 'store/', port] },
  execution: { at: 'execution/', may: ['errors\\.ts$', ...small, 'task/', 'canvas/', 'policies/', 'store/', 'results/', port] },
  client: {
    at: 'client/',
    may: ['errors\\.ts$', ...small, 'task/', 'fleet/', 'canvas/', 'policies/', 'execution/', 'store/', 'results/', port],
  },
  isolation: { at: 'isolation/', may: ['errors\\.ts$', ...small, 'task/', 'policies/', 'execution/', port] },
  worker: {
    at: 'worker/',
    may: ['errors\\.ts$', ...small, 'task/', 'fleet/', 'canvas/', 'policies/', 'execution/', 'isolation/', 'store/', port],
  },
  // The tables of the stores are made where BullMQ's are; a script of the engine moves jobs as those of the stores do.
  engine: { at: 'engine/', may: ['errors\\.ts$', ...small, 'task/', 'store/(sql/schema|redis/job-moves)\\.ts$'] },
  // What app.ts is made of: these know the rooms as app.ts does, but open no engine.
  root: {
    at: '(app-options|app-wiring|task-options|task-registry|declare-task|eviction-watch|strictness|operation|queue-readings|chores)\\.ts$',
    may: ['errors\\.ts$', ...small, ...below, port],
  },
  operate: { at: 'operate\\.ts$', may: ['errors\\.ts$', 'signals\\.ts$', '(app|operation)\\.ts$', 'worker/state\\.ts$', port] },
  app: { at: 'app\\.ts$', may: ['[a-z-]+\\.ts$', ...below, port, 'engine/open\\.ts$'] },
};

const roomed = [tests, `${src}index\\.ts$`, ...Object.values(rooms).map(({ at }) => src + at)];

const walls = Object.entries(rooms).map(([name, { at, may }]) => ({
  name: `room-${name}`,
  comment: `${name} may import only: ${may.join(', ') || 'nothing of core'}`,
  severity: 'error',
  from: { path: src + at, pathNot: tests },
  to: { path: src, pathNot: [src + at, ...may.map((path) => src + path)] },
}));

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...walls,
    {
      name: 'every-file-has-a-room',
      comment: 'a new top-level file or folder of core needs a line in `rooms`',
      severity: 'error',
      from: { path: src, pathNot: roomed },
      to: {},
    },
    { name: 'every-file-has-a-room', severity: 'error', from: {}, to: { path: src, pathNot: roomed } },
    {
      name: 'only-engine-knows-bullmq',
      severity: 'error',
      // A result store in Postgres has connections of its own.
      from: { path: '^packages/', pathNot: [`${src}engine/`, '^packages/results/src/postgres-results\\.ts$', tests] },
      to: { path: '(^|/)node_modules/(bullmq|ioredis|pg|@types/pg|@electric-sql/pglite)/' },
    },
    {
      name: 'nothing-imports-a-test',
      severity: 'error',
      from: { pathNot: tests },
      to: { path: tests, pathNot: 'node_modules' },
    },
    {
      name: 'packages-import-the-front-door',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/[^/]+/', pathNot: ['^packages/$1/', '^packages/[^/]+/dist/[a-z-]+\\.(d\\.ts|js)$'] },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    doNotFollow: { path: 'node_modules|/dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'node', 'default'] },
  },
};
