/** What the harness tells a process of its own, and what it hears back. */
import type { Tree } from '@oxbow/core';

export type EngineName = 'redis' | 'postgres';

/** In SOAK_ORDERS of the process. */
export interface Orders {
  readonly role: 'worker' | 'producer';
  readonly url: string;
  readonly app: string;
  readonly ledger: string;
  readonly lockMs: number;
  readonly concurrency: number;
  /** Longest time a handler takes; each picks one at random. */
  readonly handlerMs: number;
  readonly drain: { readonly softMs: number; readonly hardMs: number };
  /** False: handlers are not noted in the ledger. */
  readonly notes: boolean;
}

export type Request =
  | { readonly kind: 'enqueue'; readonly tree: Tree }
  | { readonly kind: 'enqueue-large'; readonly members: number }
  | { readonly kind: 'cancel'; readonly id: string };

export type Reply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'enqueued'; readonly id: string }
  | { readonly kind: 'cancelled'; readonly was: boolean }
  | { readonly kind: 'refused'; readonly message: string };

/** What every queue of a soak is called; the last one is where canvases without a job go. */
export const QUEUES = ['fast', 'slow', 'other', 'default'] as const;
