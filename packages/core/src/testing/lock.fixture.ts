/** Tries for a lock at a given time, says how it went, and holds it until it is killed. */
import { setTimeout as wait } from 'node:timers/promises';
import { lockDirectory } from '../engine/directory-lock.ts';

const [file = '', startAt = '0'] = process.argv.slice(2);
await wait(Math.max(0, Number(startAt) - Date.now()));
const answer = await lockDirectory(file).then(
  () => 'held',
  () => 'refused',
);
process.stdout.write(answer);
process.stdin.resume();
