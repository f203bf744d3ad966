/** What the matrix tells a process of its own, and what it hears back. */
export type SideName = 'oxbow' | 'raw';
export type EngineName = 'redis' | 'postgres';

/** In MATRIX_ORDERS of the process. */
export interface Orders {
  readonly side: SideName;
  readonly engine: EngineName;
  readonly role: 'worker' | 'producer';
  readonly url: string;
  /** The app's name, or the queue's prefix; nobody else's. */
  readonly app: string;
  readonly ledger: string;
  readonly concurrency: number;
  readonly lockMs: number;
  /** What a handler does between its start and its end. */
  readonly handler: { readonly kind: 'wait' | 'block'; readonly ms: number };
  readonly drain: { readonly softMs: number; readonly hardMs: number };
  /** Who renews locks; the raw worker's main thread does. */
  readonly lockRenewal: 'thread' | 'main';
  /** Dies at this point, the n-th time; the raw worker has the same points around its handler. */
  readonly dieAt: { readonly name: string; readonly time: number } | undefined;
}

export interface Production {
  readonly from: number;
  readonly count: number;
  /** So many adds at a time. */
  readonly wave: number;
  readonly pauseMs: number;
  readonly delayMs: number;
  readonly padding: number;
}

export type Request =
  | { readonly kind: 'produce'; readonly production: Production }
  /** Adds one job each, its id this text if the side takes ids. */
  | { readonly kind: 'hostile'; readonly from: number; readonly texts: readonly string[] }
  /** States by the producer's number; store ids as the ledger has them. */
  | { readonly kind: 'states'; readonly ids: readonly (readonly [n: string, id: string])[] }
  /** Jobs in the store, in whatever state. */
  | { readonly kind: 'count' };

export type Reply =
  | { readonly kind: 'done' }
  | { readonly kind: 'states'; readonly states: readonly (readonly [n: string, state: string])[] }
  | { readonly kind: 'count'; readonly count: number };
