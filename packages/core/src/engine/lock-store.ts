import type { LockAccess, LockStore } from './lock-access.ts';

/** Loads the one client that it needs; connects at the first renewal. */
export async function openLockStore(access: LockAccess): Promise<LockStore> {
  if (access.kind === 'redis') return new (await import('./redis-locks.ts')).RedisLocks(access);
  return new (await import('./postgres-locks.ts')).PostgresLocks(access);
}
