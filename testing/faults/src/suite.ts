/** What contract suites stand on: the engines they run on, names of their own, and what clears up behind them. Only within vitest. */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { describe } from 'vitest';

/** An engine that a contract suite runs on. */
export interface TestEngine {
  readonly kind: 'redis' | 'postgres' | 'embedded';
  readonly url: string;
}

const inCi = ![undefined, '', 'false'].includes(process.env['CI']);

/** Runs a suite in an embedded engine in memory. */
export function onEmbedded(suite: (engine: TestEngine) => void): void {
  describe('embedded', () => {
    suite({ kind: 'embedded', url: 'embedded:' });
  });
}

/** Runs a suite on the Redis of the environment; without one it is left out, in CI it fails. */
export function onRedis(suite: (engine: TestEngine) => void): void {
  onServer('redis', 'OXBOW_TEST_REDIS_URL', suite);
}

/** Runs a suite on the Postgres of the environment; without one it is left out, in CI it fails. */
export function onPostgres(suite: (engine: TestEngine) => void): void {
  onServer('postgres', 'OXBOW_TEST_POSTGRES_URL', suite);
}

/** Runs a suite with the promtool of the environment, which comes with Prometheus; without one it is left out, in CI it fails. */
export function onPrometheus(suite: (promtool: string) => void): void {
  const promtool = process.env['OXBOW_TEST_PROMTOOL'] ?? '';
  if (promtool === '' && inCi) throw new Error('OXBOW_TEST_PROMTOOL is not set: in CI nothing is left out. npm test sets it.');
  const left = promtool === '' ? ' (left out: OXBOW_TEST_PROMTOOL is not set)' : '';
  describe.skipIf(promtool === '')(`prometheus${left}`, () => {
    suite(promtool);
  });
}

function onServer(kind: 'redis' | 'postgres', variable: string, suite: (engine: TestEngine) => void): void {
  const url = process.env[variable] ?? '';
  if (url === '' && inCi) throw new Error(`${variable} is not set: in CI nothing is left out. npm test sets it.`);
  const left = url === '' ? ` (left out: ${variable} is not set)` : '';
  describe.skipIf(url === '')(`${kind}${left}`, () => {
    suite({ kind, url });
  });
}

/** Nobody else has it: what a test makes under it is its own. An identifier, so that it names a schema as it is. */
export function uniqueName(): string {
  return `t${randomBytes(6).toString('hex')}`;
}

/** Deletes all that an app with a {@link uniqueName} has on its server. */
export async function deleteApp({ kind, url }: TestEngine, app: string): Promise<void> {
  if (kind === 'redis') await deleteKeys(url, app);
  if (kind === 'postgres') await dropSchema(url, app);
}

async function deleteKeys(url: string, app: string): Promise<void> {
  const client = new Redis(url);
  for await (const keys of client.scanStream({ match: `{oxbow:${app}}:*`, count: 1000 })) {
    if ((keys as string[]).length > 0) await client.unlink(...(keys as string[]));
  }
  client.disconnect();
}

async function dropSchema(url: string, app: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`DROP SCHEMA IF EXISTS "oxbow_${app}" CASCADE`);
  await client.end();
}

/** A door that handlers wait at until the test opens it, and that counts who has come. */
export class Gate {
  readonly opened: Promise<void>;
  open: () => void = () => undefined;
  arrived = 0;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  /** What a handler awaits. */
  pass(): Promise<void> {
    this.arrived++;
    return this.opened;
  }
}
