import { describe } from 'vitest';

/** An engine that a contract suite runs on. */
export interface TestEngine {
  readonly kind: 'redis' | 'embedded';
  readonly url: string;
}

const VARIABLE = 'OXBOW_TEST_REDIS_URL';
const inCi = ![undefined, '', 'false'].includes(process.env['CI']);

/** Runs a suite in an embedded engine in memory. */
export function onEmbedded(suite: (engine: TestEngine) => void): void {
  describe('embedded', () => suite({ kind: 'embedded', url: 'embedded:' }));
}

/** Runs a suite on the Redis of the environment; without one it is left out, in CI it fails. */
export function onRedis(suite: (engine: TestEngine) => void): void {
  const url = process.env[VARIABLE] ?? '';
  if (url === '' && inCi) throw new Error(`${VARIABLE} is not set: in CI nothing is left out. npm test sets it.`);
  describe.skipIf(url === '')(url === '' ? `redis (left out: ${VARIABLE} is not set)` : 'redis', () => suite({ kind: 'redis', url }));
}
