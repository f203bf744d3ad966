import * as z from 'zod/mini';
import { OxbowError } from '../errors.ts';

/**
 * What runs a statement inside a transaction that is open: a `pg` Client or PoolClient that has begun one, the `tx` of
 * `app.transaction`, or a function or two around what a query builder has. Parameters are strings.
 */
export interface SqlExecutor {
  query(text: string, params: readonly unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** @internal The `tx` of an enqueue. */
export const executorOption: z.ZodMiniType<SqlExecutor> = z.custom<SqlExecutor>(
  (value) => typeof (value as Partial<SqlExecutor> | null | undefined)?.query === 'function',
  'takes what has query(text, params): a pg client inside a transaction, or the tx of app.transaction()',
);

/** For options of a call that has no `tx`. @throws OxbowError `transaction_unsupported` */
export function refuseTransaction(options: unknown, what: string): void {
  if (typeof options !== 'object' || options === null || !('tx' in options) || options.tx === undefined) return;
  throw new OxbowError('transaction_unsupported', `${what} takes no tx: give it to enqueue() or enqueueMany(). Nothing was sent.`);
}
