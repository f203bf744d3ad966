import { AsyncResource } from 'node:async_hooks';
import type { Attempt } from '../execution/attempt.ts';
import type { AttemptContext } from '../execution/context.ts';
import { toError } from '../execution/failure.ts';
import { judge } from '../execution/judgement.ts';
import { toReplacement } from '../execution/replace-request.ts';
import { RetryRequest } from '../execution/retry-request.ts';
import type { Child } from './child.ts';
import type { Asked, FromChild, SentTarget } from './messages.ts';
import { ForwardedSteps } from './forwarded-steps.ts';
import { toSentContext } from './sent-context.ts';
import { fromSentError, toSentError } from './sent-error.ts';

type Ask = Extract<FromChild, { readonly kind: 'ask' }>;
type Threw = Extract<FromChild, { readonly kind: 'threw' }>;

interface Settle {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

let lastCall = 0;

/** The handler of an attempt, called in a child: what it does with its context is done here, on the context of the attempt. */
export class ForwardedCalls {
  readonly #child: Child;
  readonly #attempt: Attempt;
  readonly #context: AttemptContext;
  readonly #app: string;
  readonly #steps: ForwardedSteps;
  #call = 0;
  #settle: Settle | undefined;

  constructor(child: Child, attempt: Attempt, app: string) {
    if (attempt.context === undefined) throw new Error('isolation before context');
    this.#child = child;
    this.#attempt = attempt;
    this.#context = attempt.context;
    this.#app = app;
    this.#steps = new ForwardedSteps(this.#context);
    this.#context.signal.addEventListener('abort', this.#abort);
    // What it asks for is done in the asynchronous context of the attempt, not of whoever started the child.
    const hear = AsyncResource.bind((message: FromChild) => this.#hear(message));
    child.listen({ message: hear, died: (error) => this.#take()?.reject(error) });
  }

  /** One at a time. Rejects with what the handler threw, or with IsolatedTaskDiedError. */
  call(input: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#call = ++lastCall;
      const { name, abortReason } = this.#context;
      this.#child.send({
        kind: 'run',
        call: this.#call,
        app: this.#app,
        task: name,
        input,
        context: toSentContext(this.#context),
        limits: this.#attempt.settings.limits,
        logLevel: this.#context.log.level,
        aborted: abortReason === undefined ? undefined : toSentError(abortReason),
      });
    });
  }

  /** No call is made any more. One that has not ended yet ends with the child, which was killed then. */
  close(): void {
    this.#context.signal.removeEventListener('abort', this.#abort);
    if (this.#settle === undefined) this.#child.listen(undefined);
  }

  #take(): Settle | undefined {
    const settle = this.#settle;
    this.#settle = undefined;
    return settle;
  }

  readonly #abort = (): void => {
    this.#child.send({ kind: 'abort', call: this.#call, reason: toSentError(toError(this.#context.signal.reason)) });
  };

  #hear(message: FromChild): void {
    // A handler may have left something running that belongs to a former call.
    if (!('call' in message) || message.call !== this.#call) return;
    switch (message.kind) {
      case 'returned':
        return this.#take()?.resolve(message.value);
      case 'threw':
        return this.#take()?.reject(this.#thrown(message));
      case 'log':
        return this.#write(message.line);
      case 'ask':
        return void this.#answer(message);
    }
  }

  async #answer({ asked, what, args }: Ask): Promise<void> {
    try {
      this.#child.send({ kind: 'answer', asked, value: await this.#do(what, args) });
    } catch (error) {
      this.#child.send({ kind: 'answer', asked, error: toSentError(toError(error)) });
    }
  }

  async #do(what: Asked, args: readonly unknown[]): Promise<unknown> {
    switch (what) {
      case 'setState':
        return this.#context.setState(...(args as Parameters<AttemptContext['setState']>));
      case 'progress':
        return this.#context.progress(...(args as Parameters<AttemptContext['progress']>));
      case 'heartbeat':
        return this.#context.heartbeat(...(args as Parameters<AttemptContext['heartbeat']>));
      case 'beginStep':
        return this.#steps.begin(args[0] as string);
      case 'endStep':
        return this.#steps.end(args[0] as string, args[1]);
      case 'giveUpStep':
        return this.#steps.giveUp(args[0] as string);
      case 'enqueue': {
        const [target, ...rest] = args;
        const { id } = await this.#context.enqueue(this.#attempt.settings.canvas.received(target as SentTarget), ...rest);
        return { id };
      }
    }
  }

  #thrown({ error, retries, retry, replacement }: Threw): Error {
    if (retry !== undefined) return new RetryRequest(retry.delayMs, error.record.message);
    if (replacement !== undefined) return this.#replaced(replacement);
    return judge(fromSentError(error), retries);
  }

  #replaced(signature: unknown): Error {
    try {
      return toReplacement({ toJSON: () => signature }, this.#attempt.settings.canvas, this.#attempt.job.queue);
    } catch (error) {
      return toError(error);
    }
  }

  /** A line as pino makes it, into the log of the attempt; a logger of the user's own may lack the level. */
  #write(line: string): void {
    const { level, msg, ...rest } = JSON.parse(line) as { readonly level: 'info'; readonly msg?: string };
    this.#context.log[level]?.(rest, msg);
  }
}
