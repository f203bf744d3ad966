/** A process that leads its app, or waits to, and says which. Its orders are in OXBOW_FIXTURE. */
import { createEngine } from '../engine/open.ts';
import { OxbowError } from '../errors.ts';
import { createLogger } from '../log.ts';
import { createStores } from '../store/stores.ts';
import { Leader } from '../worker/leader.ts';
import type { FixtureConfig, FixtureMessage } from './fixture-process.ts';

const { app, url, lockDuration = 1000 } = JSON.parse(process.env['OXBOW_FIXTURE'] ?? '{}') as FixtureConfig;
const tell = (message: FixtureMessage): void => void process.send?.(message);

const engine = createEngine({ app, url, connectTimeoutMs: 10_000, tls: undefined, onOpen: () => undefined, onError: () => undefined });
const leader = new Leader({
  engine,
  leases: createStores(engine.storeServer).leases,
  log: createLogger(app, { level: 'error' }),
  chores: [
    {
      name: 'tells',
      everyMs: 10,
      run: async ({ fence, signal }) => {
        tell({ name: 'leads', fence });
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        tell({ name: 'leads-no-more', fence, ...(OxbowError.is(signal.reason) ? { code: signal.reason.code } : {}) });
      },
    },
  ],
});

process.once('SIGTERM', () => void end());
await engine.open();
leader.enter(lockDuration);
tell({ name: 'waits' });
// The channel to the test keeps it alive.
process.on('message', () => undefined);

async function end(): Promise<void> {
  await leader.leave();
  await engine.close();
  process.exit(0);
}
