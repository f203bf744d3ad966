import { crashpoint } from '../crashpoint.ts';
import { OxbowError } from '../errors.ts';
import type { SqlExecutor } from '../task/sql-executor.ts';
import type { Addition, FlowJob, JobPlace, StatementResult, Transaction, Transactions } from './engine.ts';
import { codeOf } from './postgres-errors.ts';
import { SqlAdditions, type AdditionTarget } from './sql-additions.ts';
import type { SqlPool } from './sql-flow.ts';
import { assertOutsideTransaction, insideTransaction } from './transaction-scope.ts';

/** A connection for the statements of one transaction. */
export interface SqlSession {
  query<Row>(text: string, params?: readonly unknown[]): Promise<StatementResult<Row>>;
  /** @param broken - it may be in a transaction still */
  release(broken: boolean): void;
}

export interface SqlTransactionsOptions extends AdditionTarget {
  /** Statements that are no part of a transaction. */
  readonly pool: SqlPool;
  readonly session: () => Promise<SqlSession>;
  /** Repeats a call that found no connection. */
  readonly guard: <T>(call: () => Promise<T>) => Promise<T>;
  /** True where a transaction of another app's is in another database. */
  readonly alone: boolean;
}

/** Unqualified names are the user's tables, not ours. */
const BEGIN = 'BEGIN; SET LOCAL search_path TO "$user", public';
/** COMMIT alone would roll a transaction back in which a statement has failed, and call that a success. */
const COMMIT = 'SAVEPOINT oxbow_end; COMMIT';
const FAILED = '25P02';
const NONE = '25P01';

const STATES: Readonly<Record<string, 'open' | 'rolled-back'>> = { 'in progress': 'open', aborted: 'rolled-back' };

export class SqlTransactions implements Transactions {
  readonly #options: SqlTransactionsOptions;
  readonly #additions = new WeakMap<SqlExecutor, SqlAdditions>();

  constructor(options: SqlTransactionsOptions) {
    this.#options = options;
  }

  async run<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const { pool, guard } = this.#options;
    this.assertOutside();
    const session = await guard(() => this.#begin());
    const tx = new OpenTransaction(session, this);
    let done = false;
    try {
      const value = await insideTransaction(pool, async () => work(tx));
      crashpoint('transaction-before-commit');
      await tx.close();
      await commit(session);
      done = true;
      crashpoint('transaction-committed-before-reply');
      tx.end(true);
      return value;
    } finally {
      if (!done) await rollBack(session, tx);
      else session.release(false);
    }
  }

  async add(tx: SqlExecutor, jobs: readonly FlowJob[]): Promise<Addition> {
    const id = await this.#of(tx).add(jobs);
    return tx instanceof OpenTransaction ? tx : { state: () => this.#stateOf(id), ended: undefined };
  }

  async has(tx: SqlExecutor, place: JobPlace): Promise<boolean> {
    return this.#of(tx).has(place);
  }

  assertOutside(): void {
    assertOutsideTransaction(this.#options.pool);
  }

  #of(tx: SqlExecutor): SqlAdditions {
    if (this.#options.alone && tx instanceof OpenTransaction && tx.of !== this)
      throw new OxbowError('invalid_transaction', `tx is of another app's database, not of ${this.#options.label}.`);
    let additions = this.#additions.get(tx);
    if (additions === undefined) this.#additions.set(tx, (additions = new SqlAdditions(tx, this.#options)));
    return additions;
  }

  async #begin(): Promise<SqlSession> {
    const session = await this.#options.session();
    try {
      await session.query(BEGIN);
      return session;
    } catch (error) {
      session.release(true);
      throw error;
    }
  }

  async #stateOf(transactionId: string): ReturnType<Addition['state']> {
    const { rows } = await this.#options.pool.query<{ state: string | null }>('SELECT pg_xact_status($1::text::xid8) AS state', [
      transactionId,
    ]);
    return STATES[rows[0]?.state ?? ''] ?? 'committed';
  }
}

class OpenTransaction implements Transaction, Addition {
  readonly of: Transactions;
  readonly ended: Promise<boolean>;
  readonly #session: SqlSession;
  #statements: Promise<unknown> = Promise.resolve();
  #closed = false;
  #state: 'open' | 'committed' | 'rolled-back' = 'open';
  #end: (committed: boolean) => void = () => undefined;

  constructor(session: SqlSession, of: Transactions) {
    this.of = of;
    this.#session = session;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  async query<Row>(text: string, params?: readonly unknown[]): Promise<StatementResult<Row>> {
    if (this.#closed) throw new OxbowError('invalid_transaction', 'The transaction has ended: its tx takes no statements any more.');
    const statement = this.#statements.then(() => this.#session.query<Row>(text, params));
    this.#statements = statement.catch(() => undefined);
    return statement;
  }

  state(): Promise<'open' | 'committed' | 'rolled-back'> {
    return Promise.resolve(this.#state);
  }

  /** Takes no more statements, and waits for those under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#statements;
  }

  end(committed: boolean): void {
    this.#state = committed ? 'committed' : 'rolled-back';
    this.#end(committed);
  }
}

async function commit(session: SqlSession): Promise<void> {
  try {
    await session.query(COMMIT);
  } catch (error) {
    const code = codeOf(error);
    if (code !== FAILED && code !== NONE) throw error;
    const why = code === FAILED ? 'a statement in it had failed' : 'it had been ended with a statement of its own';
    throw new OxbowError('invalid_transaction', `The transaction was not committed: ${why}.`, { cause: error });
  }
}

async function rollBack(session: SqlSession, tx: OpenTransaction): Promise<void> {
  await tx.close();
  const broken = await session.query('ROLLBACK').then(
    () => false,
    () => true,
  );
  session.release(broken);
  tx.end(false);
}
