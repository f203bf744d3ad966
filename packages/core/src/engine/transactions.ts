import type { SqlExecutor } from '../task/sql-executor.ts';
import type { FlowJob, JobPlace } from './new-job.ts';

/** What a statement gave. */
export interface StatementResult<Row> {
  readonly rows: Row[];
  /** Rows that were read or changed; null for statements that do neither. */
  readonly rowCount: number | null;
}

/** What `app.transaction` hands out. Its statements run in the order in which they are called. */
export interface Transaction extends SqlExecutor {
  /**
   * Runs one statement; several when there are no parameters. Rows are what `pg` makes of them, or PGlite.
   * @throws the database's own error; OxbowError `invalid_transaction` after the transaction's end
   */
  query<Row = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<StatementResult<Row>>;
}

/** Jobs that were added inside a transaction. */
export interface Addition {
  /** Whether they can be seen. One round trip where the transaction is the caller's own. */
  state(): Promise<'open' | 'committed' | 'rolled-back'>;
  /** Of a transaction of ours: resolves at its end, true when it was committed. Undefined where nobody would tell. */
  readonly ended: Promise<boolean> | undefined;
}

/** Of an engine that keeps its jobs in an SQL database. */
export interface Transactions {
  /**
   * Runs `work` between BEGIN and COMMIT, on one connection; rolled back when it rejects, and its error is passed on.
   * @throws EngineUnavailableError before `work` is called; the database's own error when it refuses the commit; OxbowError
   * `invalid_transaction` when it had been rolled back already, or ended
   */
  run<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /**
   * As `Engine.addFlow`, by a statement of the caller's open transaction; calls of one tick for one `tx` share it. All
   * parents are in the call. What `tx` rejects with is passed on.
   * @throws OxbowError `invalid_transaction` when `tx` is not inside one, or in another database; OxbowError `run_over`
   */
  add(tx: SqlExecutor, jobs: readonly FlowJob[]): Promise<Addition>;
  /** Whether the transaction sees the job. @throws as {@link add} */
  has(tx: SqlExecutor, place: JobPlace): Promise<boolean>;
  /** @throws OxbowError `invalid_transaction` when called from inside the `work` of a {@link run} that has not ended */
  assertOutside(): void;
}
