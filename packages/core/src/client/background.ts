import { AsyncResource } from 'node:async_hooks';
import * as z from 'zod/mini';
import { OxbowError } from '../errors.ts';
import { toError } from '../execution/failure.ts';
import { runOutside } from '../execution/running.ts';
import { ThrottledLog, type Logger } from '../log.ts';
import type { SignalBus } from '../signals.ts';
import { parseOptions } from '../task/options.ts';

/** What a background call gets. */
export interface BackgroundCall {
  /** Aborts when the app closes and `background.drain` is over: then a second is left. */
  readonly signal: AbortSignal;
}

export interface BackgroundCallOptions {
  /** For logs and signals. @defaultValue the function's own name, else 'background' */
  readonly name?: string;
}

/** What `app.background` has done in this process so far. */
export interface BackgroundState {
  readonly running: number;
  readonly waiting: number;
  /** Ended without an error. */
  readonly done: number;
  readonly failed: number;
  /** Had not ended, or not begun, when the app closed. */
  readonly lost: number;
  /** Turned away with `background_full`. */
  readonly refused: number;
}

export interface BackgroundSettings {
  readonly concurrency: number;
  readonly waiting: number;
  readonly drainMs: number;
}

interface Entry {
  readonly name: string;
  readonly call: () => unknown;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
  readonly end: () => void;
  /** A drain has waited for it in vain: nobody waits for it again. */
  outlasted: boolean;
  isLost: boolean;
}

const SLOW_MS = 1000;
/** From the abort to the end of `close`. */
const GRACE_MS = 1000;

const callOptions = z.strictObject({ name: z.optional(z.string().check(z.minLength(1), z.maxLength(128))) });

/**
 * Quick work that is no job: so many calls at a time, so many that wait, in order. Nothing of it is stored: it is drained when the app closes, and what
 * has not ended then is lost, counted and named.
 */
export class Background {
  readonly #settings: BackgroundSettings;
  readonly #signals: SignalBus;
  readonly #log: Logger;
  readonly #lines: ThrottledLog;
  readonly #running = new Set<Entry>();
  readonly #waiting: Entry[] = [];
  readonly #counts = { done: 0, failed: 0, lost: 0, refused: 0 };
  #closing: Promise<void> | undefined;

  constructor(settings: BackgroundSettings, signals: SignalBus, log: Logger) {
    this.#settings = settings;
    this.#signals = signals;
    this.#log = log;
    this.#lines = new ThrottledLog(log);
  }

  get state(): BackgroundState {
    return { running: this.#running.size, waiting: this.#waiting.length, ...this.#counts };
  }

  /** @throws OxbowError `background_full`, `closed`, `invalid_options` */
  run(fn: (call: BackgroundCall) => unknown, options: BackgroundCallOptions = {}): void {
    if (typeof fn !== 'function')
      throw new OxbowError('invalid_options', 'app.background() takes a function, not what it returns: app.background(() => …).');
    const { name = fn.name === '' ? 'background' : fn.name } = parseOptions(callOptions, options, 'app.background()');
    if (this.#closing !== undefined) throw new OxbowError('closed', `app.background(): the app has been closed; "${name}" was not run.`);
    const { concurrency, waiting } = this.#settings;
    if (this.#running.size < concurrency) return this.#start(toEntry(name, fn));
    if (this.#waiting.length < waiting) return void this.#waiting.push(toEntry(name, fn));
    this.#counts.refused++;
    const standing = `${concurrency} calls run and ${waiting} wait`;
    throw new OxbowError('background_full', `app.background(): ${standing}; "${name}" was not run. Make it a task, and enqueue it.`);
  }

  /** Resolves when the calls that stand now have ended, or `background.drain` is over. */
  async settled(): Promise<void> {
    const standing = this.#standing().filter(({ outlasted }) => !outlasted);
    if (await endWithin(standing, this.#settings.drainMs)) return;
    for (const entry of standing) entry.outlasted = true;
  }

  /** Takes no more calls, and waits for those that stand as {@link settled} does; aborts them, and counts as lost what has not ended a second later. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.settled();
    const standing = this.#standing();
    if (standing.length === 0) return;
    const unstarted = this.#waiting.splice(0);
    for (const { controller } of this.#running)
      controller.abort(new OxbowError('shutdown', 'The app is closing: what app.background() runs is waited for no longer.'));
    await endWithin([...this.#running], GRACE_MS);
    for (const entry of [...unstarted, ...this.#running]) entry.isLost = true;
    const lost = standing.filter(({ isLost }) => isLost);
    if (lost.length === 0) return;
    this.#counts.lost += lost.length;
    const names = count(lost.map(({ name }) => name));
    this.#log.error({ lost: names }, `${lost.length} calls of app.background() were lost: they had not ended when the app closed`);
    this.#signals.emit('background:lost', { lost: lost.length, names });
  }

  #standing(): readonly Entry[] {
    return [...this.#running, ...this.#waiting];
  }

  #start(entry: Entry): void {
    this.#running.add(entry);
    const goOn = (): void => {
      this.#running.delete(entry);
      entry.end();
      const next = this.#waiting.shift();
      if (next !== undefined) this.#start(next);
    };
    void this.#run(entry).then(goOn, goOn);
  }

  /** Rejects only with what a logger throws. */
  async #run(entry: Entry): Promise<void> {
    // Whoever called goes on first.
    await Promise.resolve();
    const startedAt = performance.now();
    let isSlow = false;
    const tellSlow = (): void => {
      isSlow = true;
      this.#tellSlow(entry.name);
    };
    const timer = setTimeout(tellSlow, SLOW_MS).unref();
    try {
      await entry.call();
      if (!entry.isLost) this.#counts.done++;
    } catch (thrown) {
      this.#fail(entry, toError(thrown), performance.now() - startedAt);
    } finally {
      clearTimeout(timer);
      // The timer does not fire in an event loop that stands still.
      if (!isSlow && performance.now() - startedAt > SLOW_MS) tellSlow();
    }
  }

  #tellSlow(name: string): void {
    const message = `app.background(): "${name}" runs for more than a second. Make it a task, and enqueue it: a job outlives its process`;
    this.#lines.line('warn', { background: name }, message);
  }

  #fail(entry: Entry, error: Error, durationMs: number): void {
    const { name, controller, isLost } = entry;
    if (isLost) return;
    if (controller.signal.aborted) {
      entry.isLost = true;
      return;
    }
    this.#counts.failed++;
    this.#lines.line('error', { background: name, err: error }, `app.background(): "${name}" failed`, error.name);
    this.#signals.emit('background:failed', { name, durationMs, error });
  }
}

/** Called in the caller's async context, whoever's end it is that lets it begin; but not as a part of the task whose handler that may be. */
function toEntry(name: string, fn: (call: BackgroundCall) => unknown): Entry {
  const controller = new AbortController();
  const { signal } = controller;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  // As AsyncResource.bind, at half the cost.
  const context = new AsyncResource('oxbow.background');
  const call = (): unknown => context.runInAsyncScope(() => runOutside(() => fn({ signal })));
  return { name, call, controller, ended, end, outlasted: false, isLost: false };
}

async function endWithin(entries: readonly Entry[], ms: number): Promise<boolean> {
  if (entries.length === 0) return true;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  const inTime = await Promise.race([Promise.all(entries.map(({ ended }) => ended)).then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}

function count(names: readonly string[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(counts);
}
