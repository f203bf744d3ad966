import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from 'pg';
import { cut } from './postgres-client.ts';
import { isAnswer, isConnectionFailure } from './postgres-errors.ts';

/** A statement that is at it. */
interface Run {
  readonly client: Client;
  checkedAt: number;
}

/** A new connection to the same server, for one question. */
export type OpenClient = () => Promise<Client>;

const LOOK_MS = 1000;
/** A statement takes milliseconds; after this long somebody looks why it does not come back. */
const SUSPECT_MS = 5000;
/** The server calls itself idle a moment before it sends the end of the reply. */
const GRACE_MS = 1000;

/**
 * Notices half-open connections: a statement whose reply will never come, because the other end has gone without a word.
 * A slow statement looks the same from here, so the server is asked on a new connection whether it is at it. If it is
 * not, or cannot be reached, the connection is cut and the statement rejects, within some 12 s (with a connect timeout of 5 s).
 */
export class PostgresWatchdog {
  readonly #open: OpenClient;
  readonly #onDead: () => void;
  readonly #runs = new Set<Run>();
  #timer: NodeJS.Timeout | undefined;

  /** @param onDead - called when a connection was cut: others may be dead, too */
  constructor(open: OpenClient, onDead: () => void) {
    this.#open = open;
    this.#onDead = onDead;
  }

  /** Whether a statement of the client is under way. */
  isAtWork(client: Client): boolean {
    return [...this.#runs].some((run) => run.client === client);
  }

  async watch<T>(client: Client, statement: () => Promise<T>): Promise<T> {
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
    const run = { client, checkedAt: performance.now() };
    this.#runs.add(run);
    try {
      return await statement();
    } finally {
      this.#runs.delete(run);
    }
  }

  /** Cuts what still runs. */
  close(): void {
    clearInterval(this.#timer);
    for (const { client } of this.#runs) cut(client);
  }

  #look(): void {
    const now = performance.now();
    for (const run of this.#runs) {
      if (now - run.checkedAt < SUSPECT_MS) continue;
      run.checkedAt = Number.POSITIVE_INFINITY;
      void this.#check(run);
    }
  }

  async #check(run: Run): Promise<void> {
    const alive = await this.#serverIsAtIt(run.client);
    if (!alive) await wait(GRACE_MS, undefined, { ref: false });
    if (!this.#runs.has(run)) return;
    if (alive) {
      run.checkedAt = performance.now();
      return;
    }
    cut(run.client);
    this.#onDead();
  }

  async #serverIsAtIt({ processID }: Client & { readonly processID?: number | null }): Promise<boolean> {
    let asker: Client | undefined;
    try {
      asker = await this.#open();
      const { rows } = await asker.query<{ state: string }>({
        text: 'SELECT state FROM pg_stat_activity WHERE pid = $1',
        values: [processID],
        query_timeout: SUSPECT_MS,
      } as { text: string });
      return rows[0]?.state === 'active';
    } catch (error) {
      // "Too many connections" is an answer, too: the server lives, and may be slow.
      return isAnswer(error) && !(isConnectionFailure(error) && !String((error as { code?: unknown }).code).startsWith('53'));
    } finally {
      if (asker !== undefined) cut(asker);
    }
  }
}
