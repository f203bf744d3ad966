/** `npm run check:docs`: runs the TypeScript blocks of README.md, docs/ and the packages' own READMEs (docs.test.ts says how) against the built packages. */
import { onEnd, run } from './run.mjs';
import { provideRedis } from './servers.mjs';

const redis = await provideRedis();
const cleanUp = onEnd(() => redis.stop?.());
const env = { OXBOW_TEST_REDIS_URL: redis.url, OXBOW_URL: 'embedded:' };
const { code } = await run('vitest', ['run', '--config', 'scripts/vitest.config.ts', ...process.argv.slice(2)], { env });
await cleanUp();
process.exitCode = code;
