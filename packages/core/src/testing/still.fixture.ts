/** A worker that stands still at the end of a handler, as a machine that swaps does, until it is continued. Its parts: URL, app, file, how: `wraps`, policies wrap its enqueues; `fails`, that handler does. */
import { appendFileSync } from 'node:fs';
import { pino } from 'pino';
import { createApp } from '../app.ts';
import { declareStill } from './still-tasks.ts';

const [url = '', name = '', file = '', how = ''] = process.argv.slice(2);
const lost = (): void => appendFileSync(file, 'lost\n');
// What the engine refuses is logged.
const app = createApp({ name, url, logger: pino({ level: 'error' }, { write: lost }) });
app.on('task:lock-lost', lost);
if (how === 'wraps') app.use({ name: 'wraps', enqueue: (call, next) => next(call) });
let stood = false;
declareStill(app, () => {
  if (!stood) {
    appendFileSync(file, 'still\n');
    stood = true;
    process.kill(process.pid, 'SIGSTOP');
    if (how === 'fails') throw new Error('the one that stood still');
  }
  return 'the one that stood still';
});
await app.worker({ queues: { work: 5 }, lockDuration: 1000 }).start();
appendFileSync(file, 'ready\n');
