/** A worker that stands still at the end of a handler, as a machine that swaps does, until it is continued. Its parts: URL, app, file. */
import { appendFileSync } from 'node:fs';
import { createApp } from '../app.ts';
import { declareStill } from './still-tasks.ts';

const [url = '', name = '', file = ''] = process.argv.slice(2);
const app = createApp({ name, url, logLevel: 'silent' });
let stood = false;
declareStill(app, () => {
  if (!stood) {
    appendFileSync(file, 'still\n');
    stood = true;
    process.kill(process.pid, 'SIGSTOP');
  }
  return 'the one that stood still';
});
await app.worker({ queues: { work: 5 }, lockDuration: 1000 }).start();
appendFileSync(file, 'ready\n');
