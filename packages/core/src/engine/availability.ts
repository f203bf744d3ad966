import type { Redis } from 'ioredis';
import { EngineUnavailableError, OxbowError } from '../errors.ts';

/**
 * Gives producers an answer while the server is away: a call made then waits for the connection, a call that was sent
 * waits for its reply, and both reject with EngineUnavailableError after `timeoutMs` without a connection.
 *
 * A rejected call may still have been carried out (its reply was lost): ids are ours, so it can be repeated.
 */
export class Availability {
  readonly #client: Redis;
  readonly #label: string;
  readonly #timeoutMs: number;
  readonly #pending = new Set<(error: Error) => void>();
  #deadline: NodeJS.Timeout | undefined;
  #lastError: Error | undefined;
  #nextReady: Promise<void> | undefined;
  #givenUp = false;
  #closed = false;

  constructor(client: Redis, label: string, timeoutMs: number) {
    this.#client = client;
    this.#label = label;
    this.#timeoutMs = timeoutMs;
    client.on('error', (error) => (this.#lastError = error));
    client.on('close', () => this.#startDeadline());
    client.on('end', () => this.#startDeadline());
    client.on('ready', () => this.#stopDeadline());
  }

  /** Connects a client that was never connected, or was given up. */
  async ready(): Promise<void> {
    const { status } = this.#client;
    if (status === 'ready') return;
    if (status === 'wait' || status === 'end' || this.#givenUp) {
      this.#givenUp = false;
      this.#client.connect().catch(() => undefined);
    }
    this.#startDeadline();
    await this.#settle(() => this.#untilReady());
  }

  /** Stops reconnecting until somebody asks again. ioredis then still says `reconnecting`, but it has no timer any more. */
  giveUp(): void {
    this.#givenUp = true;
    this.#client.disconnect();
  }

  async guard<T>(call: () => Promise<T>): Promise<T> {
    if (this.#client.status !== 'ready') await this.ready();
    return this.#settle(call);
  }

  /** Ends waiting calls at once. */
  close(): void {
    this.#closed = true;
    this.#stopDeadline();
    this.#rejectAll(new OxbowError('closed', `${this.#label} has been closed.`));
  }

  /** One listener, however many wait. */
  #untilReady(): Promise<void> {
    this.#nextReady ??= new Promise((resolve) => {
      this.#client.once('ready', () => {
        this.#nextReady = undefined;
        resolve();
      });
    });
    return this.#nextReady;
  }

  #settle<T>(call: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.add(reject);
      call().then(
        (value) => {
          this.#pending.delete(reject);
          resolve(value);
        },
        (error: unknown) => {
          this.#pending.delete(reject);
          reject(isConnectionError(error) ? this.#unavailable(error) : error);
        },
      );
    });
  }

  #startDeadline(): void {
    if (this.#closed) return;
    this.#deadline ??= setTimeout(() => {
      this.#deadline = undefined;
      this.#rejectAll(this.#unavailable(this.#lastError));
    }, this.#timeoutMs);
  }

  #stopDeadline(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  #rejectAll(error: Error): void {
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const reject of pending) reject(error);
  }

  #unavailable(cause: unknown): EngineUnavailableError {
    return new EngineUnavailableError(this.#label, this.#timeoutMs, cause === undefined ? {} : { cause });
  }
}

function isConnectionError(error: unknown): boolean {
  const { message, name } = error as Error;
  return name === 'MaxRetriesPerRequestError' || message === 'Connection is closed.' || /ECONNRE|EPIPE|ETIMEDOUT|ENOTFOUND/u.test(message);
}
