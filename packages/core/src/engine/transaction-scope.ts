import { AsyncLocalStorage } from 'node:async_hooks';
import { OxbowError } from '../errors.ts';

interface Scope {
  /** Whose connection it holds. */
  readonly of: object;
  open: boolean;
}

/** The transaction of ours that the current code runs in. */
const scopes = new AsyncLocalStorage<Scope>();
/** Following every promise costs a sixth of a no-op job's CPU on Node 20, so it ends with the last one. */
let running = 0;

/** Runs what holds a connection of `of` and must not wait for another. */
export async function insideTransaction<T>(of: object, work: () => Promise<T>): Promise<T> {
  const scope: Scope = { of, open: true };
  running += 1;
  try {
    return await scopes.run(scope, work);
  } finally {
    scope.open = false;
    running -= 1;
    if (running === 0) scopes.disable();
  }
}

/**
 * Before a connection of `of` is waited for: inside a transaction that would be for ever where there is one session, and
 * on a pool as soon as all its connections wait so.
 * @throws OxbowError `invalid_transaction`
 */
export function assertOutsideTransaction(of: object): void {
  const scope = scopes.getStore();
  if (scope === undefined || !scope.open || scope.of !== of) return;
  throw new OxbowError(
    'invalid_transaction',
    'A call that is no part of the transaction was made inside app.transaction(), and could wait for its end for ever. Give it { tx }, or make it before or after.',
  );
}
