import type { PayloadLimits } from '../task/payload.ts';
import type { SentContext } from './sent-context.ts';
import type { SentError } from './sent-error.ts';

/** What a child can ask the context of its call to do. A step of `ctx.once` is begun, and when it is not on record ended with its value, or given up. */
export type Asked = 'setState' | 'progress' | 'heartbeat' | 'enqueue' | 'beginStep' | 'endStep' | 'giveUpStep';

/** A task, or a signature, as it travels. */
export type SentTarget = { readonly task: string } | { readonly signature: unknown };

/** One call of a handler. A child has one at a time. */
export interface RunMessage {
  readonly kind: 'run';
  readonly call: number;
  readonly app: string;
  readonly task: string;
  /** The input form. */
  readonly input: unknown;
  readonly context: SentContext;
  readonly limits: PayloadLimits;
  /** What the parent's logger shows. */
  readonly logLevel: string;
  /** It was told to stop before it began. */
  readonly aborted: SentError | undefined;
}

export type ToChild =
  | { readonly kind: 'load'; readonly module: string }
  | RunMessage
  | { readonly kind: 'abort'; readonly call: number; readonly reason: SentError }
  | { readonly kind: 'answer'; readonly asked: number; readonly value?: unknown; readonly error?: SentError };

export type FromChild =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'not-loaded'; readonly error: SentError }
  | { readonly kind: 'ask'; readonly call: number; readonly asked: number; readonly what: Asked; readonly args: readonly unknown[] }
  | { readonly kind: 'log'; readonly call: number; readonly line: string }
  | { readonly kind: 'returned'; readonly call: number; readonly value: unknown }
  | {
      readonly kind: 'threw';
      readonly call: number;
      readonly error: SentError;
      /** What the task's `retry` says of it: here its class is known. */
      readonly retries: boolean;
      /** Of `ctx.retry`. */
      readonly retry: { readonly delayMs: number | undefined } | undefined;
      /** Of `ctx.replace`. */
      readonly replacement: unknown;
    };
