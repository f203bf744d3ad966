import type { Addition, Engine, FlowJob, JobPlace, Transaction, Transactions } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import type { SqlExecutor } from '../task/sql-executor.ts';

/** @throws OxbowError `transaction_unsupported` where there are none */
export function transactionsOf({ transactions, label }: Engine, what: string): Transactions {
  if (transactions !== undefined) return transactions;
  throw new OxbowError(
    'transaction_unsupported',
    `${what} needs an engine that keeps its jobs in an SQL database, postgres:// or embedded:. ${label} has no transactions with your data; docs/transactions.md shows an outbox.`,
  );
}

/** Of `app.transaction`. */
export async function runTransaction<T>(engine: Engine, work: (tx: Transaction) => Promise<T>): Promise<T> {
  if (typeof work !== 'function') throw new OxbowError('invalid_options', 'app.transaction() takes a function, which gets the tx.');
  return transactionsOf(engine, 'app.transaction()').run(work);
}

/** Adds jobs: with the caller's transaction when there is one. @throws as {@link Engine.addFlow}, or {@link Transactions.add} */
export async function addTogether(engine: Engine, jobs: readonly FlowJob[], tx: SqlExecutor | undefined): Promise<Addition | undefined> {
  if (tx !== undefined) return transactionsOf(engine, 'tx').add(tx, jobs);
  await engine.addFlow(jobs);
  return undefined;
}

/** Whether the job is there already; asked inside the transaction when there is one. */
export async function isThere(engine: Engine, place: JobPlace, tx: SqlExecutor | undefined): Promise<boolean> {
  if (tx !== undefined) return transactionsOf(engine, 'tx').has(tx, place);
  return (await engine.find(place.queue, place.id)) !== undefined;
}
