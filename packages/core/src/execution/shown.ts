/** A state that a job was in. */
export interface ShownState {
  readonly state: string;
  /** Worker's clock, ms since the epoch. */
  readonly at: number;
  readonly meta?: unknown;
}

/** How far a job was, at one moment. */
export interface Mark {
  readonly done: number;
  /** Worker's clock, ms since the epoch. */
  readonly at: number;
}

/** What a job shows of itself: one value, BullMQ's `progress` of the job. */
export interface Shown {
  /** The task's own state, one of its `states`. */
  readonly state?: string;
  /** The states that it was in, of all attempts, oldest first; the last is `state`. */
  readonly history?: readonly ShownState[];
  readonly done?: number;
  readonly total?: number;
  readonly meta?: unknown;
  /** When `done` was told. */
  readonly at?: number;
  /** The report from which on the rate is measured. */
  readonly from?: Mark;
  /** Details of the last heartbeat. */
  readonly hb?: unknown;
}

/** Its history has no more states … */
const MOST_STATES = 50;
/** … nor bytes of JSON, unless a single one has: the oldest are forgotten. */
const MOST_BYTES = 16_384;

/** The history with one more. */
export function withState(history: readonly ShownState[] = [], next: ShownState): readonly ShownState[] {
  const kept = [next];
  let bytes = sizeOf(next);
  for (const one of history.toReversed()) {
    bytes += sizeOf(one);
    if (kept.length === MOST_STATES || bytes > MOST_BYTES) break;
    kept.push(one);
  }
  return kept.toReversed();
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** What is stored may be of other programs: what does not fit is left out. */
export function readShown(stored: unknown): Shown {
  if (typeof stored !== 'object' || stored === null) return {};
  const { state, history, done, total, meta, at, from, hb } = stored as { readonly [Key in keyof Shown]: unknown };
  return {
    ...(typeof state === 'string' ? { state } : {}),
    ...(Array.isArray(history) ? { history: history.filter(isShownState) } : {}),
    ...(typeof done === 'number' && typeof total === 'number' ? { done, total, ...(meta === undefined ? {} : { meta }) } : {}),
    ...(typeof at === 'number' && isMark(from) ? { at, from } : {}),
    ...(hb === undefined ? {} : { hb }),
  };
}

function isShownState(value: unknown): value is ShownState {
  const { state, at } = (value ?? {}) as { readonly [Key in keyof ShownState]: unknown };
  return typeof state === 'string' && typeof at === 'number';
}

function isMark(value: unknown): value is Mark {
  const { done, at } = (value ?? {}) as { readonly [Key in keyof Mark]: unknown };
  return typeof done === 'number' && typeof at === 'number';
}
