import { describe } from 'vitest';

/** An engine that a contract suite runs on. */
export interface TestEngine {
  readonly kind: 'redis' | 'postgres' | 'embedded';
  readonly url: string;
}

const inCi = ![undefined, '', 'false'].includes(process.env['CI']);

/** Runs a suite in an embedded engine in memory. */
export function onEmbedded(suite: (engine: TestEngine) => void): void {
  describe('embedded', () => suite({ kind: 'embedded', url: 'embedded:' }));
}

/** Runs a suite on the Redis of the environment; without one it is left out, in CI it fails. */
export function onRedis(suite: (engine: TestEngine) => void): void {
  onServer('redis', 'OXBOW_TEST_REDIS_URL', suite);
}

/** Runs a suite on the Postgres of the environment; without one it is left out, in CI it fails. */
export function onPostgres(suite: (engine: TestEngine) => void): void {
  onServer('postgres', 'OXBOW_TEST_POSTGRES_URL', suite);
}

function onServer(kind: 'redis' | 'postgres', variable: string, suite: (engine: TestEngine) => void): void {
  const url = process.env[variable] ?? '';
  if (url === '' && inCi) throw new Error(`${variable} is not set: in CI nothing is left out. npm test sets it.`);
  describe.skipIf(url === '')(url === '' ? `${kind} (left out: ${variable} is not set)` : kind, () => suite({ kind, url }));
}
