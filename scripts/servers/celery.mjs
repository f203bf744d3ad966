import { run } from '../run.mjs';
import { installDebian } from './process.mjs';

/** Debian's Celery, installed when root. Resolves to why there is none, undefined when there is. */
export async function provideCelery() {
  const works = async () => (await run('/usr/bin/python3', ['-c', 'import celery, redis'], { capture: true })).code === 0;
  if (await works()) return undefined;
  if (process.getuid?.() !== 0) return 'python3-celery is not installed, and not root to install it';
  const failure = (await installDebian('python3-celery')) ?? (await installDebian('python3-redis'));
  return (await works()) ? undefined : (failure ?? 'python3-celery does not work');
}
