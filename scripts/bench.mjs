/** `npm run bench`: installs and builds what is missing, gets a Redis and a Postgres, and measures Oxbow beside raw BullMQ (`--celery`: and Celery). What follows `--` goes to the benchmarks. */
import { ensureInstalled } from './install.mjs';
import { onEnd, run } from './run.mjs';
import { provideCelery } from './servers/celery.mjs';
import { providePostgres, provideRedis } from './servers.mjs';

let redis = {};
let postgres = {};
const cleanUp = onEnd(async () => {
  await Promise.all([redis.stop?.(), postgres.stop?.()]);
});

try {
  await ensureInstalled();
  const built = await run('turbo', ['run', 'build', '--output-logs=errors-only', '--filter=@oxbow/benchmarks']);
  if (built.code !== 0) process.exit(built.code);
  redis = await provideRedis();
  // As in production: an answer means that it is on the disk.
  postgres = await providePostgres({ persistent: true });
  const celery = process.argv.includes('--celery') ? await provideCelery() : undefined;
  if (celery !== undefined) throw new Error(`--celery: ${celery}`);
  for (const [engine, { url, reason }] of Object.entries({ redis, postgres }))
    if (url === undefined) console.log(`${engine}: not run: ${reason}`);
  const bench = await run(process.execPath, ['benchmarks/dist/main.js', ...process.argv.slice(2)], {
    env: { OXBOW_BENCH_REDIS_URL: redis.url, OXBOW_BENCH_POSTGRES_URL: postgres.url },
  });
  process.exitCode = bench.code;
} finally {
  await cleanUp();
}
