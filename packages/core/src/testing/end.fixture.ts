/** Ends a job without its having started. Its parts: URL, app, queue, job. */
import { openEngine } from './with-engine.ts';

const [url = '', app = '', queue = '', id = ''] = process.argv.slice(2);
const engine = openEngine(url, app);
process.stdout.write(await engine.end({ queue, id }, (stored) => ({ stored, over: true }), 'ended'));
await engine.close();
