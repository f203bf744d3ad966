import { OxbowError } from '../errors.ts';
import type { SqlExecutor } from '../task/sql-executor.ts';
import type { FlowJob, JobPlace } from './engine.ts';
import { runOver, type FlowRefusal } from './run-over.ts';
import { FULL, toFlowArguments, type Refused } from './sql-flow.ts';

/** An app's schema, as an identifier. The caller's search path is another one, and is not touched. */
export interface AdditionTarget {
  readonly schema: string;
  /** Without credentials; for errors. */
  readonly label: string;
}

interface Waiting {
  readonly jobs: readonly FlowJob[];
  readonly resolve: (transactionId: string) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Adds flows by statements of one caller, who has a transaction open. Those of one tick share a statement; statements
 * follow one another. Parameters and what is read are strings, which every client and query builder carries as they are.
 *
 * A client outside of a transaction would run the statement in one of its own: each statement names the transaction
 * that an earlier one was in, and adds nothing in another.
 */
export class SqlAdditions {
  readonly #tx: SqlExecutor;
  readonly #target: AdditionTarget;
  #transactionId: string | undefined;
  #waiting: Waiting[] = [];
  #statements: Promise<void> = Promise.resolve();

  constructor(tx: SqlExecutor, target: AdditionTarget) {
    this.#tx = tx;
    this.#target = target;
  }

  /** Resolves to the transaction's id. @throws OxbowError `invalid_transaction`, `run_over`; what the caller's client rejects with */
  add(jobs: readonly FlowJob[]): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ jobs, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => void (this.#statements = this.#statements.then(() => this.#flush())));
    });
  }

  /** Whether the transaction sees the job. @throws as {@link add} */
  has({ queue, id }: JobPlace): Promise<boolean> {
    const look = this.#statements.then(async () => {
      this.#transactionId ??= await this.#look();
      return this.#query(`SELECT id FROM ${this.#target.schema}.job WHERE queue = $1::text AND id = $2::text`, [queue, id]);
    });
    this.#statements = look.then(
      () => undefined,
      () => undefined,
    );
    return look.then((rows) => rows.length > 0);
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    while (waiting.length > 0) {
      let size = 0;
      const end = waiting.findIndex(({ jobs }) => (size += jobs.length) >= FULL);
      await this.#send(waiting.splice(0, end === -1 ? waiting.length : end + 1));
    }
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      const { transactionId, refused } = await this.#store(batch.map(({ jobs }) => jobs));
      for (const [flow, { resolve, reject }] of batch.entries()) {
        const refusal = refused.find((one) => one.flow === flow);
        if (refusal === undefined) resolve(transactionId);
        else reject(runOver(refusal.code as FlowRefusal, refusal.id));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  /** Twice: the client may be in another transaction than the last time. */
  async #store(flows: readonly (readonly FlowJob[])[]): Promise<{ readonly transactionId: string; readonly refused: readonly Refused[] }> {
    const { jobs, queues } = toFlowArguments(flows);
    for (const known of [this.#transactionId, undefined]) {
      const transactionId = known ?? (await this.#look());
      this.#transactionId = transactionId;
      const [row] = await this.#query<{ readonly refused: string | null }>(
        `SELECT ${this.#target.schema}.oxbow_add_flows($1::text::jsonb, string_to_array($2::text, ','), '{}', '{}', false)::text AS refused
          WHERE pg_current_xact_id()::text = $3::text`,
        [jobs, queues.join(','), transactionId],
      );
      if (row !== undefined) return { transactionId, refused: JSON.parse(row.refused ?? '[]') as readonly Refused[] };
    }
    throw invalid('tx is not inside a transaction: it has ended, or none was begun on this client. Nothing was added.');
  }

  async #look(): Promise<string> {
    const { schema, label } = this.#target;
    const [row] = await this.#query<{ readonly known: string; readonly id: string }>(
      `SELECT CASE WHEN to_regprocedure('${schema}.oxbow_add_flows(jsonb,text[],text[],text[],boolean)') IS NULL THEN 'no' ELSE 'yes' END AS known,
              pg_current_xact_id()::text AS id`,
      [],
    );
    if (row?.known === 'yes') return row.id;
    throw invalid(`tx is of another database than the app's, ${label}: there is no schema ${schema}.`);
  }

  async #query<Row>(text: string, params: readonly unknown[]): Promise<readonly Row[]> {
    const result = await this.#tx.query(text, params);
    if (Array.isArray(result?.rows)) return result.rows as readonly Row[];
    throw invalid('tx.query(text, params) must resolve to { rows }.');
  }
}

function invalid(message: string): OxbowError {
  return new OxbowError('invalid_transaction', message);
}
