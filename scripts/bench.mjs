/** `npm run bench`: installs and builds what is missing, gets a Redis, and measures Oxbow beside raw BullMQ. What follows `--` goes to the benchmarks. */
import { ensureInstalled } from './install.mjs';
import { onEnd, run } from './run.mjs';
import { provideRedis } from './servers.mjs';

let redis = {};
const cleanUp = onEnd(async () => redis.stop?.());

try {
  await ensureInstalled();
  const built = await run('turbo', ['run', 'build', '--output-logs=errors-only', '--filter=@oxbow/benchmarks']);
  if (built.code !== 0) process.exit(built.code);
  redis = await provideRedis();
  if (redis.url === undefined) console.log(`redis: not run: ${redis.reason}`);
  const bench = await run(process.execPath, ['benchmarks/dist/main.js', ...process.argv.slice(2)], {
    env: { OXBOW_BENCH_REDIS_URL: redis.url },
  });
  process.exitCode = bench.code;
} finally {
  await cleanUp();
}
