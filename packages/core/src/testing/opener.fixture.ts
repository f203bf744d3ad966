/** Opens an app's Postgres engine, adds a job, and says so. */
import { createApp } from '../app.ts';

const [url = '', name = '', value = ''] = process.argv.slice(2);
const app = createApp({ name, url, logLevel: 'silent' });
await app.task('task', { run: () => null }).enqueue(value as never);
process.stdout.write('added');
await app.close();
