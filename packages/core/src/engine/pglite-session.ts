/**
 * Statements on a PGlite, one at a time.
 *
 * PGlite's own `query` exchanges five messages with the engine and parses the statement anew each time (about 200 µs
 * here); a statement that comes back is prepared once and then costs one exchange (about 50 µs).
 */
import type { PGlite, QueryOptions, messages, protocol } from '@electric-sql/pglite';
import type { PgNotification, PgQueryResult } from 'bullmq';
import type { StatementResult } from './engine.ts';

type Serialize = typeof protocol.serialize;
type Message = messages.BackendMessage;

interface Column {
  readonly name: string;
  readonly type: number;
}

interface Prepared {
  readonly name: string;
  readonly params: readonly number[];
  readonly columns: readonly Column[];
}

/** BullMQ has about a hundred statements with fixed texts; what is beyond that is generated SQL, and run unprepared. */
const MAX_PREPARED = 256;
/** `cached plan must not change result type`: a table was altered after the statement had been prepared. */
const STALE_PLAN = '0A000';
/** PGlite's own column readers where ours unescape (json-escape.ts): text, json, jsonb. */
const PLAIN: QueryOptions = { parsers: { 25: (text) => text, 114: JSON.parse, 3802: JSON.parse } };

export class PgliteSession {
  readonly #db: PGlite;
  readonly #serialize: Serialize;
  readonly #prepared = new Map<string, Prepared>();
  readonly #executeAndSync: Uint8Array;

  constructor(db: PGlite, serialize: Serialize) {
    this.#db = db;
    this.#serialize = serialize;
    this.#executeAndSync = join([serialize.execute({}), serialize.sync()]);
  }

  /** True between BEGIN and the end of its transaction, also when the transaction has failed. */
  get inTransaction(): boolean {
    return this.#db.isInTransaction();
  }

  /** Called after the statement that brought the notification has been answered. */
  onNotification(listener: (message: PgNotification) => void): void {
    this.#db.onNotification((channel, payload) => listener({ channel, payload }));
  }

  /**
   * Runs one statement, or several when there are no parameters (the last one's rows are returned). The caller sees to
   * it that calls do not overlap. Rejects with Postgres' error, which has the fields that `pg` gives it (`code`, `detail`, …).
   */
  async run<Row>(text: string, params: readonly unknown[] = []): Promise<PgQueryResult<Row>> {
    if (params.length === 0) return this.#runText<Row>(text);
    const known = this.#prepared.get(text);
    if (known === undefined) return this.#runPrepared<Row>(await this.#prepare(text), params);
    try {
      return await this.#runPrepared<Row>(known, params);
    } catch (error) {
      if ((error as { code?: unknown }).code !== STALE_PLAN || this.inTransaction) throw error;
      this.#prepared.delete(text);
      return this.#runPrepared<Row>(await this.#prepare(text), params);
    }
  }

  /** As {@link run}, for a user's statement: it is not kept prepared, and what it reads is read as PGlite does. */
  async runOnce<Row>(text: string, params: readonly unknown[] = []): Promise<StatementResult<Row>> {
    if (params.length === 0) return this.#runText<Row>(text, PLAIN);
    try {
      const { rows, rowCount } = await this.#db.query<Row>(text, [...params], PLAIN);
      return { rows, rowCount: rowCount ?? null };
    } catch (error) {
      throw bare(error);
    }
  }

  /** Closes the database. */
  async close(): Promise<void> {
    await this.#db.close();
  }

  async #runText<Row>(text: string, options?: QueryOptions): Promise<StatementResult<Row>> {
    try {
      const results = await this.#db.exec(text, options);
      const last = results.at(-1);
      return { rows: (last?.rows ?? []) as Row[], rowCount: last?.rowCount ?? null };
    } catch (error) {
      throw bare(error);
    }
  }

  async #prepare(text: string): Promise<Prepared> {
    const keep = this.#prepared.size < MAX_PREPARED;
    const name = keep ? `oxbow_${this.#prepared.size}` : 'oxbow_once';
    const answers = await this.#exchange([
      this.#serialize.close({ type: 'S', name }),
      this.#serialize.parse({ name, text }),
      this.#serialize.describe({ type: 'S', name }),
      this.#serialize.sync(),
    ]);
    const prepared = {
      name,
      params: answers.flatMap((answer) => ('dataTypeIDs' in answer ? (answer.dataTypeIDs as number[]) : [])),
      columns: answers
        .filter(isRowDescription)
        .flatMap(({ fields }) => fields.map((field) => ({ name: field.name, type: field.dataTypeID }))),
    };
    if (keep) this.#prepared.set(text, prepared);
    return prepared;
  }

  async #runPrepared<Row>({ name, params: types, columns }: Prepared, params: readonly unknown[]): Promise<PgQueryResult<Row>> {
    const values = params.map((value, index) => this.#toText(value, types[index] ?? 0));
    const answers = await this.#exchange([this.#serialize.bind({ statement: name, values }), this.#executeAndSync]);
    const rows: Row[] = [];
    let rowCount: number | null = null;
    for (const answer of answers) {
      if (isDataRow(answer)) rows.push(this.#toRow(columns, answer.fields) as Row);
      else if (isCommandComplete(answer)) rowCount = countOf(answer.text);
    }
    return { rows, rowCount };
  }

  #exchange(parts: readonly Uint8Array[]): Promise<Message[]> {
    return this.#db.execProtocolStream(join(parts), { syncToFs: false });
  }

  #toText(value: unknown, type: number): string | null {
    if (value === null || value === undefined) return null;
    const serialize = this.#db.serializers[type];
    return serialize === undefined ? String(value as string | number) : serialize(value);
  }

  #toRow(columns: readonly Column[], fields: readonly (string | null)[]): Record<string, unknown> {
    const row: Record<string, unknown> = {};
    for (const [index, { name, type }] of columns.entries()) {
      const text = fields[index] ?? null;
      const parse = this.#db.parsers[type];
      row[name] = text === null || parse === undefined ? text : (parse(text, type) as unknown);
    }
    return row;
  }
}

/** Drops what PGlite hangs on an error: the statement's parameters are the user's data and would end up in logs. */
function bare(error: unknown): unknown {
  if (error instanceof Error) for (const field of ['query', 'params', 'queryOptions']) Reflect.deleteProperty(error, field);
  return error;
}

function isRowDescription(message: Message): message is messages.RowDescriptionMessage {
  return message.name === 'rowDescription';
}

function isDataRow(message: Message): message is messages.DataRowMessage {
  return message.name === 'dataRow';
}

function isCommandComplete(message: Message): message is messages.CommandCompleteMessage {
  return message.name === 'commandComplete';
}

/** `INSERT 0 5`, `UPDATE 3`, `SELECT 2`, `BEGIN` */
function countOf(tag: string): number | null {
  const count = Number(tag.slice(tag.lastIndexOf(' ') + 1));
  return Number.isNaN(count) ? null : count;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
