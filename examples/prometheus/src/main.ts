/** `npm start`: everything on this machine, until Ctrl-C. */
import { once } from 'node:events';
import { startStack } from './stack.ts';

const url = process.env['OXBOW_URL'] ?? 'redis://127.0.0.1:6379';
const stack = await startStack({ OXBOW_URL: url }, '5s');
console.log(`the app works on ${new URL(url).host}; Prometheus: ${stack.url}/alerts, ${stack.url}/graph?g0.expr=oxbow_queue_jobs&g0.tab=0`);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await stack.stop();
