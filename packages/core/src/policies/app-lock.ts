import { randomUUID } from 'node:crypto';
import * as z from 'zod/mini';
import { LeaseLostError, LockTakenError, OxbowError } from '../errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { Logger } from '../log.ts';
import type { LockSignal, SignalBus } from '../signals.ts';
import { leaseMessage, type Lease, type LeaseRequest } from '../store/leases.ts';
import type { Stores } from '../store/stores.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { parseOptions } from '../task/options.ts';
import { keepLease, resolveTtl, type KeptLease } from './hold.ts';
import { storeKey } from './key.ts';
import { lockKey } from './lock.ts';

export interface HoldOptions {
  /** How long it outlives a process that dies; renewed each third of it. At least 50 ms. @defaultValue '30s' */
  readonly ttl?: Duration;
  /** How long to wait in line when it is taken; `'fail'`: not at all. @defaultValue '10s' */
  readonly wait?: 'fail' | Duration;
  /** Ends the wait: the call rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** A lock, or a place of a semaphore, that this process has. Renewed until it is released; `await using` does that. */
export interface HeldLock extends AsyncDisposable {
  readonly key: string;
  /** Grows with each holder. Hand it to what the lock protects, which refuses smaller ones. */
  readonly fence: number;
  /** Aborts with a LeaseLostError when it is lost, before somebody else can have it; in a blocked process, as soon as that goes on. */
  readonly signal: AbortSignal;
  /** False when it had been lost. The second call does nothing. @throws EngineUnavailableError; it is free when its lease ends */
  release(): Promise<boolean>;
}

/** What locks are taken from. */
export interface LockSource {
  readonly engine: Pick<Engine, 'onBroadcast'>;
  readonly stores: Stores;
  readonly log: Logger;
  readonly signals: SignalBus;
  /** Aborts when the app is closed. */
  readonly closed: AbortSignal;
}

const DEFAULT_WAIT_MS = 10_000;
/** Handed-over places are told by broadcast, which can be lost. */
const LOOK_MS = 4000;
const MAX_PLACES = 1_000_000;

const holdOptions: z.ZodMiniType<HoldOptions> = z.strictObject({
  ttl: z.optional(durationOption),
  wait: z.optional(z.union([durationOption, z.literal('fail')])),
  signal: z.optional(z.instanceof(AbortSignal)),
}) as z.ZodMiniType<HoldOptions>;

/** @throws LockTakenError, OxbowError `invalid_options`, `invalid_key`, `closed`; what the signal says; as the store */
export function takeLock(source: LockSource, key: string, options: HoldOptions = {}): Promise<HeldLock> {
  return take(source, { name: key, key: lockKey(key), slots: 1, what: 'app.lock()' }, options);
}

/** One of `places`. @throws as `takeLock` */
export function takePlace(source: LockSource, key: string, places: number, options: HoldOptions = {}): Promise<HeldLock> {
  if (!Number.isInteger(places) || places < 1 || places > MAX_PLACES)
    throw new OxbowError('invalid_options', `app.semaphore(): the number of places must be a whole number from 1 to ${MAX_PLACES}.`);
  return take(source, { name: key, key: storeKey('semaphore', key), slots: places, what: 'app.semaphore()' }, options);
}

interface Asked {
  readonly name: string;
  readonly key: string;
  readonly slots: number;
  readonly what: string;
}

async function take(source: LockSource, { name, key, slots, what }: Asked, options: HoldOptions): Promise<HeldLock> {
  const { ttl, wait, signal } = parseOptions(holdOptions, options, what);
  const ttlMs = resolveTtl(ttl, `${what}: ttl`);
  const waitMs = wait === 'fail' ? 0 : wait === undefined ? DEFAULT_WAIT_MS : parseDuration(wait, `${what}: wait`);
  const place = { key, owner: `call:${randomUUID()}`, slots };
  const ended = signal === undefined ? source.closed : AbortSignal.any([source.closed, signal]);
  ended.throwIfAborted();
  const told: LockSignal = what === 'app.lock()' ? { lock: 'app.lock', kind: 'lock' } : { lock: 'app.semaphore', kind: 'semaphore' };
  const { fence, askedAt } = await tellWait(source.signals, told, () =>
    new Waiting(source, { ...place, ttlMs }, { waitMs, name, ended }).wait(),
  );
  return toHeldLock(source, { ...place, fence }, { name, ttlMs, askedAt, told });
}

async function tellWait(signals: SignalBus, told: LockSignal, wait: () => Promise<Taken>): Promise<Taken> {
  const askedAt = performance.now();
  try {
    const taken = await wait();
    if (signals.wants('lock:acquired')) signals.emit('lock:acquired', { ...told, waitMs: performance.now() - askedAt });
    return taken;
  } catch (error) {
    if (error instanceof LockTakenError && signals.wants('lock:refused')) signals.emit('lock:refused', { ...told, outcome: 'taken' });
    throw error;
  }
}

interface Limits {
  readonly waitMs: number;
  readonly name: string;
  /** Aborts when nobody waits any more. */
  readonly ended: AbortSignal;
}

interface Taken {
  readonly fence: number;
  readonly askedAt: number;
}

/** One call that stands in line. */
class Waiting {
  readonly #source: LockSource;
  readonly #request: LeaseRequest;
  readonly #limits: Limits;
  #look: () => void = () => undefined;
  #told = false;

  constructor(source: LockSource, request: LeaseRequest, limits: Limits) {
    this.#source = source;
    this.#request = request;
    this.#limits = limits;
  }

  async wait(): Promise<Taken> {
    const { waitMs, name, ended } = this.#limits;
    const until = performance.now() + waitMs;
    const first = await this.#ask(waitMs > 0);
    if (typeof first === 'object') return first;
    if (waitMs === 0) throw new LockTakenError(name);
    const wake = (): void => this.#wake();
    ended.addEventListener('abort', wake);
    const deaf = this.#source.engine.onBroadcast((message) => message === leaseMessage(this.#request.owner) && wake(), wake);
    deaf.then(wake, () => undefined);
    try {
      return await this.#stand(first, until);
    } catch (error) {
      await this.#leave();
      throw error;
    } finally {
      ended.removeEventListener('abort', wake);
      deaf.then((stop) => stop()).catch(() => undefined);
    }
  }

  async #stand(retryInMs: number, until: number): Promise<Taken> {
    const { name, ended } = this.#limits;
    for (let lookInMs = retryInMs; ;) {
      await this.#sleep(Math.min(lookInMs, LOOK_MS, until - performance.now()));
      ended.throwIfAborted();
      const answer = await this.#ask(true);
      if (typeof answer === 'object') return answer;
      if (performance.now() >= until) throw new LockTakenError(name);
      lookInMs = answer;
    }
  }

  /** The lease, or when to ask again. */
  async #ask(waits: boolean): Promise<Taken | number> {
    const askedAt = performance.now();
    const answer = await this.#source.stores.leases.acquire({ ...this.#request, ...(waits ? { wait: {} } : {}) });
    return answer.kind === 'held' ? { fence: answer.fence, askedAt } : answer.retryInMs;
  }

  #wake(): void {
    this.#told = true;
    this.#look();
  }

  async #sleep(ms: number): Promise<void> {
    if (!this.#told)
      await new Promise<void>((resolve) => {
        this.#look = resolve;
        setTimeout(resolve, Math.max(0, ms));
      });
    this.#told = false;
  }

  /** Whoever stands behind it need not wait until it is forgotten. */
  async #leave(): Promise<void> {
    await this.#source.stores.leases.leave(this.#request).catch((error: unknown) => {
      this.#source.log.debug({ err: error }, 'a wait for a lock ends by itself');
    });
  }
}

interface Held {
  readonly name: string;
  readonly ttlMs: number;
  readonly askedAt: number;
  readonly told: LockSignal;
}

function toHeldLock({ stores, log, signals }: LockSource, lease: Lease, { name, ttlMs, askedAt, told }: Held): HeldLock {
  const heldFrom = performance.now();
  // Few look at it, and it costs more than all else here.
  let controller: AbortController | undefined;
  const tell = (): void => controller?.abort(new LeaseLostError(name));
  const lost = (): void => {
    if (signals.wants('lock:lost')) signals.emit('lock:lost', told);
    tell();
  };
  const kept: KeptLease = keepLease(stores.leases, lease, { ttlMs, askedAt, lost });
  let releasing: Promise<boolean> | undefined;
  const release = (): Promise<boolean> => {
    kept.stop();
    if (releasing !== undefined) return releasing;
    if (signals.wants('lock:released')) signals.emit('lock:released', { ...told, heldMs: performance.now() - heldFrom });
    releasing = kept.isLost ? Promise.resolve(false) : stores.leases.release(lease);
    return releasing;
  };
  return {
    key: name,
    fence: lease.fence,
    get signal() {
      if (controller === undefined) {
        controller = new AbortController();
        if (kept.isLost) tell();
      }
      return controller.signal;
    },
    release,
    [Symbol.asyncDispose]: async () => {
      await release().catch((error: unknown) => log.warn({ err: error }, 'a lock could not be released; it is free when its lease ends'));
    },
  };
}
