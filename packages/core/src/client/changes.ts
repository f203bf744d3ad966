import { EngineUnavailableError } from '../errors.ts';
import { assertOutsideTask } from '../execution/running.ts';
import type { Status } from '../task/status.ts';
import { isFinal } from './status.ts';

/** Whose changes they are. */
export interface Changing<T> {
  /** Aborts when the app closes, and then rings. */
  readonly closed: AbortSignal;
  /** Calls `ring` when the status may have changed, until what it resolves to is called. */
  readonly watch: (ring: () => void) => Promise<() => void>;
  readonly look: () => Promise<T>;
  /** Resolves when an engine that was away is to be asked again. */
  readonly later: () => Promise<void>;
}

/**
 * The status now and at every change until it is final, in order; a slow reader gets the latest one. An engine that goes away after the first status is
 * waited for. Its `return()` ends the watch at once, also while a `next()` waits for a change.
 */
export function changesOf<T extends { readonly status: Status }>(changing: Changing<T>): AsyncGenerator<T, void, undefined> {
  const bell = new Bell();
  const changes = follow(changing, bell);
  // By itself a generator's return() waits for its next().
  const end = changes.return.bind(changes);
  changes.return = async (value) => {
    bell.leave();
    return end(value);
  };
  return changes;
}

async function* follow<T extends { readonly status: Status }>(
  { closed, watch, look, later }: Changing<T>,
  bell: Bell,
): AsyncGenerator<T, void, undefined> {
  assertOutsideTask();
  closed.throwIfAborted();
  const unwatch = await watch(() => bell.ring());
  try {
    let last: string | undefined;
    while (!bell.left) {
      bell.reset();
      let status: T | undefined;
      try {
        status = await look();
      } catch (error) {
        if (last === undefined || !(error instanceof EngineUnavailableError)) throw error;
      }
      if (status === undefined) await Promise.race([bell.rung, later()]);
      else {
        const text = JSON.stringify(status);
        if (text !== last) yield status;
        last = text;
        if (isFinal(status.status)) return;
        await bell.rung;
      }
      closed.throwIfAborted();
    }
  } finally {
    unwatch();
  }
}

/** Remembers one ring while nobody waits. */
class Bell {
  ring: () => void = () => undefined;
  rung: Promise<void> = Promise.resolve();
  /** Nobody waits for it any more. */
  left = false;

  reset(): void {
    this.rung = new Promise((resolve) => (this.ring = resolve));
  }

  leave(): void {
    this.left = true;
    this.ring();
  }
}
