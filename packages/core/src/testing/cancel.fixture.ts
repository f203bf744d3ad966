/** Cancels a run. Its parts: URL, app, run. */
import { createApp } from '../app.ts';

const [url = '', name = '', run = ''] = process.argv.slice(2);
const app = createApp({ name, url, logLevel: 'silent' });
process.stdout.write(String(await app.run(run).cancel('not wanted any more')));
await app.close();
