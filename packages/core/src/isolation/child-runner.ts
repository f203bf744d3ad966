import { OxbowError } from '../errors.ts';
import { RetryRequest } from '../execution/retry-request.ts';
import { toError } from '../execution/failure.ts';
import { runAs } from '../execution/running.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { encodePayload } from '../task/payload.ts';
import { parse } from '../task/schema.ts';
import { ChildContext, ForwardedReplacement } from './child-context.ts';
import type { Declared } from './inside.ts';
import type { Asked, FromChild, RunMessage, ToChild } from './messages.ts';
import { fromSentError, toSentError } from './sent-error.ts';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The child's side: loads a module, and runs handlers of its tasks. */
export class ChildRunner {
  readonly #declared: Declared;
  readonly #send: (message: FromChild) => void;
  readonly #asked = new Map<number, Waiting>();
  /** By the `startup` that makes them. */
  readonly #deps = new Map<() => unknown, Promise<unknown>>();
  #running: { readonly call: number; readonly context: ChildContext } | undefined;
  #lastAsked = 0;
  #module = '';

  constructor(declared: Declared, send: (message: FromChild) => void) {
    this.#declared = declared;
    this.#send = send;
  }

  async receive(message: ToChild): Promise<void> {
    switch (message.kind) {
      case 'load':
        return this.#load(message.module);
      case 'run':
        return this.#run(message);
      case 'abort':
        if (this.#running?.call === message.call) this.#running.context.abort(fromSentError(message.reason));
        return;
      case 'answer': {
        const waiting = this.#asked.get(message.asked);
        this.#asked.delete(message.asked);
        if (message.error === undefined) waiting?.resolve(message.value);
        else waiting?.reject(fromSentError(message.error));
      }
    }
  }

  async #load(module: string): Promise<void> {
    this.#module = module;
    try {
      await import(module);
      this.#send({ kind: 'loaded' });
    } catch (error) {
      this.#send({ kind: 'not-loaded', error: toSentError(toError(error)) });
    }
  }

  async #run(run: RunMessage): Promise<void> {
    const { call } = run;
    const definition = this.#declared.find(run.app, run.task);
    try {
      this.#send({ kind: 'returned', call, value: await this.#handle(run, definition) });
    } catch (thrown) {
      const error = toError(thrown);
      this.#send({
        kind: 'threw',
        call,
        error: toSentError(error),
        retries: definition?.retry.retries(error) ?? true,
        retry: error instanceof RetryRequest ? { delayMs: error.delayMs } : undefined,
        replacement: error instanceof ForwardedReplacement ? error.signature : undefined,
      });
    } finally {
      this.#running?.context.close();
      this.#running = undefined;
    }
  }

  async #handle(run: RunMessage, definition: TaskDefinition | undefined): Promise<unknown> {
    const handler = definition?.handler;
    if (handler === undefined)
      throw new OxbowError('unknown_task', `${this.#module} declares no task "${run.task}" with a handler in an app "${run.app}".`);
    const context = new ChildContext({
      run,
      deps: await this.#depsOf(definition),
      ask: (what, args) => this.#ask(run.call, what, args),
      log: (line) => this.#send({ kind: 'log', call: run.call, line }),
    });
    this.#running = { call: run.call, context };
    const input = definition?.input === undefined ? run.input : await parse(definition.input, run.input, run.task);
    const value = await runAs(run.task, () => handler(input as never, context as never));
    // An output schema may take more than JSON, and is the worker's to apply. Bytes go to the result store.
    if (definition?.output === undefined && value !== undefined && !(value instanceof Uint8Array))
      encodePayload(value, 'result', { ...run.limits, bytes: Number.MAX_SAFE_INTEGER });
    return value;
  }

  async #depsOf(definition: TaskDefinition | undefined): Promise<unknown> {
    const startup = definition?.isolation?.startup;
    if (startup === undefined) return undefined;
    const deps = this.#deps.get(startup) ?? Promise.resolve().then(startup);
    this.#deps.set(startup, deps);
    try {
      return await deps;
    } catch (error) {
      this.#deps.delete(startup);
      throw error;
    }
  }

  #ask(call: number, what: Asked, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const asked = ++this.#lastAsked;
      this.#asked.set(asked, { resolve, reject });
      this.#send({ kind: 'ask', call, asked, what, args });
    });
  }
}
