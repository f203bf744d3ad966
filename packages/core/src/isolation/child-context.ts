import { pino } from 'pino';
import { OxbowError } from '../errors.ts';
import type { TaskContext } from '../execution/context.ts';
import { parseRetryRequest, type RetryRequestOptions } from '../execution/retry-request.ts';
import type { Logger } from '../log.ts';
import { encodePayload } from '../task/payload.ts';
import type { Asked, RunMessage, SentTarget } from './messages.ts';
import { ReceivedContext } from './sent-context.ts';
import { fromSentError } from './sent-error.ts';

/** Thrown by `ctx.replace` in a child. */
export class ForwardedReplacement extends OxbowError {
  readonly signature: unknown;

  constructor(signature: unknown) {
    super('non_retryable', 'The job is replaced by a signature: let what ctx.replace() throws pass.');
    this.signature = signature;
  }
}

export interface ChildContextParts {
  readonly run: RunMessage;
  readonly deps: unknown;
  /** Has the parent do it. */
  readonly ask: (what: Asked, args: readonly unknown[]) => Promise<unknown>;
  readonly log: (line: string) => void;
}

/** `ctx` of an isolated task, in its child. Whatever it does, the worker does. */
export class ChildContext extends ReceivedContext implements TaskContext {
  readonly deps: unknown;
  readonly #parts: ChildContextParts;
  readonly #controller = new AbortController();
  #log: Logger | undefined;
  readonly #steps = new Map<string, Promise<unknown>>();
  #over = false;

  constructor(parts: ChildContextParts) {
    const { context, aborted } = parts.run;
    super(context);
    this.#parts = parts;
    this.deps = parts.deps;
    if (aborted !== undefined) this.abort(fromSentError(aborted));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get log(): Logger {
    const { logLevel } = this.#parts.run;
    // A logger of the user's own may have others.
    const level = logLevel === 'silent' || logLevel in pino.levels.values ? logLevel : 'trace';
    this.#log ??= pino(
      { level, base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } },
      { write: (line: string) => this.#parts.log(line) },
    );
    return this.#log;
  }

  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** The handler has ended: what it left running reaches nobody. */
  close(): void {
    this.#over = true;
  }

  async setState(state: string, meta?: unknown): Promise<void> {
    await this.#ask('setState', [state, meta]);
  }

  async progress(done: number, total: number, meta?: unknown): Promise<void> {
    await this.#ask('progress', [done, total, meta]);
  }

  async heartbeat(details?: unknown): Promise<void> {
    await this.#ask('heartbeat', [details]);
  }

  retry(options: RetryRequestOptions = {}): never {
    throw parseRetryRequest(options);
  }

  replace(signature: unknown): never {
    if (!isSignature(signature))
      throw new OxbowError('invalid_options', 'ctx.replace() takes a signature, as task.s(), chain(), group() or chord() gives.');
    throw new ForwardedReplacement(signature.toJSON());
  }

  async enqueue(target: unknown, ...args: readonly unknown[]): Promise<{ readonly id: string }> {
    const [input, ...options] = args;
    // What is sent is cloned, which would make a plain object of a class instance.
    if (input !== undefined) encodePayload(input, 'input', this.#parts.run.limits);
    return (await this.#ask('enqueue', [toSent(target), input, ...options])) as { readonly id: string };
  }

  once<Value>(step: string, fn: () => Value | Promise<Value>): Promise<Value>;
  once(step: string, fn: () => unknown): Promise<unknown> {
    if (typeof fn !== 'function')
      return Promise.reject(new OxbowError('invalid_options', `ctx.once(${JSON.stringify(step)}) takes a function.`));
    let running = this.#steps.get(step);
    if (running === undefined) {
      running = this.#once(step, fn);
      this.#steps.set(step, running);
      running.catch(() => this.#steps.delete(step));
    }
    return running;
  }

  async #once(step: string, fn: () => unknown): Promise<unknown> {
    const recorded = (await this.#ask('beginStep', [step])) as { readonly value?: unknown } | undefined;
    if (recorded !== undefined) return recorded.value;
    try {
      const value = await fn();
      // What is sent is cloned, and must be what JSON makes of it.
      if (value !== undefined) encodePayload(value, 'result', { ...this.#parts.run.limits, bytes: Number.MAX_SAFE_INTEGER });
      return await this.#ask('endStep', [step, value]);
    } catch (error) {
      await this.#ask('giveUpStep', [step]);
      throw error;
    }
  }

  #ask(what: Asked, args: readonly unknown[]): Promise<unknown> {
    if (this.#over) return Promise.reject(new OxbowError('closed', `The attempt of job ${this.id} is over: ctx.${what}() comes too late.`));
    return this.#parts.ask(what, args);
  }
}

function isSignature(target: unknown): target is { toJSON(): unknown } {
  return typeof (target as { readonly toJSON?: unknown } | null | undefined)?.toJSON === 'function';
}

function toSent(target: unknown): SentTarget {
  if (isSignature(target)) return { signature: target.toJSON() };
  const { name, enqueue } = (target ?? {}) as { readonly name?: unknown; readonly enqueue?: unknown };
  if (typeof name === 'string' && typeof enqueue === 'function') return { task: name };
  throw new OxbowError('invalid_options', 'ctx.enqueue() takes a task or a signature.');
}
