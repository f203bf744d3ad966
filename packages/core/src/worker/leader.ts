import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { crashpoint } from '../crashpoint.ts';
import type { Engine } from '../engine/engine.ts';
import { LeaseLostError } from '../errors.ts';
import { ThrottledLog, type Logger } from '../log.ts';
import { keepLease } from '../policies/hold.ts';
import { storeKey } from '../policies/key.ts';
import type { Acquired, Lease, LeaseStore } from '../store/leases.ts';

/** Work that one process of an app does, again and again, whatever jobs there are. */
export interface Chore {
  /** For logs. */
  readonly name: string;
  /** From the end of one call to the next one; the first comes as soon as this process leads. */
  readonly everyMs: number;
  /**
   * Never called while an earlier call has not ended. It must end when `signal` aborts: the lease is lost, or the worker drains. Of two
   * calls in two processes, which a process that stood still makes possible, the later has the greater `fence`. What it rejects with is
   * logged, and it is called again after `everyMs`.
   */
  run(call: ChoreCall): Promise<void>;
}

export interface ChoreCall {
  readonly fence: number;
  readonly signal: AbortSignal;
}

/** none: it does not want to lead, or has not asked yet. */
export type LeaderRole = 'none' | 'waiting' | 'leading';

interface LeaderSource {
  readonly engine: Pick<Engine, 'broadcast' | 'onBroadcast'>;
  readonly leases: LeaseStore;
  readonly log: Logger;
  readonly chores: readonly Chore[];
}

const RETRY_MS = 1000;
/** A drain does not wait longer: a lease that could not be released ends by itself. */
const LEAVE_MS = 2000;
const FREE = 'leader:free';

/**
 * Leads the app, or waits to: of all processes with a started worker one has the lease, and runs the chores.
 *
 * The lease is renewed each third of its time. Released by a drain, it is offered by a broadcast, and another process has it at once; of a
 * process that dies, or a broadcast that is lost, as soon as it ends. Who waits asks when the lease would end, and not before: one
 * command a lease. Without chores nobody asks.
 */
export class Leader {
  readonly #source: LeaderSource;
  readonly #errors: ThrottledLog;
  readonly #place = { key: storeKey('leader', 'app'), owner: `leader:${randomUUID()}` };
  #workers = 0;
  #stopping = new AbortController();
  #campaign: Promise<void> = Promise.resolve();
  #role: LeaderRole = 'none';
  #told = false;
  #look: () => void = () => undefined;
  #deaf: (() => void) | undefined;

  constructor(source: LeaderSource) {
    this.#source = source;
    this.#errors = new ThrottledLog(source.log);
  }

  get role(): LeaderRole {
    return this.#role;
  }

  /** A worker of this process has started. @param ttlMs - of the lease; of several workers the first one's counts. */
  enter(ttlMs: number): void {
    if (this.#workers++ > 0 || this.#source.chores.length === 0) return;
    const stopping = new AbortController();
    this.#stopping = stopping;
    this.#campaign = this.#campaign.then(() => this.#run(ttlMs, stopping.signal));
  }

  /** A worker that has entered drains. Resolves when the lease is released, if it was this process's last; or after a while. */
  async leave(): Promise<void> {
    if (--this.#workers > 0) return;
    this.#stopping.abort();
    this.#wake();
    const late = new AbortController();
    await Promise.race([this.#campaign, pause(LEAVE_MS, late.signal)]);
    late.abort();
  }

  async #run(ttlMs: number, stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      const askedAt = performance.now();
      const answer = await this.#ask(ttlMs);
      if (answer?.kind === 'held') await this.#lead({ ...this.#place, fence: answer.fence }, { ttlMs, askedAt, stopping });
      else await this.#sleep(answer?.retryInMs ?? RETRY_MS, stopping);
    }
    this.#role = 'none';
    this.#deaf?.();
    this.#deaf = undefined;
  }

  /** Hears first, and asks then: what is set free between the two is not missed. Undefined: the engine is away. */
  async #ask(ttlMs: number): Promise<Acquired | undefined> {
    const { engine, leases } = this.#source;
    this.#told = false;
    try {
      this.#deaf ??= await engine.onBroadcast(
        (message) => message === FREE && this.#wake(),
        () => this.#wake(),
      );
      return await leases.acquire({ ...this.#place, ttlMs });
    } catch (error) {
      this.#errors.error(error as Error, 'the lease of the leader could not be asked for');
      return undefined;
    }
  }

  async #lead(lease: Lease, { ttlMs, askedAt, stopping }: Term): Promise<void> {
    const { leases, log, chores } = this.#source;
    const over = new AbortController();
    const kept = keepLease(leases, lease, { ttlMs, askedAt, lost: () => over.abort(new LeaseLostError('leader')) });
    const stop = (): void => over.abort(stopping.reason);
    stopping.addEventListener('abort', stop, { once: true });
    if (stopping.aborted) stop();
    this.#role = 'leading';
    log.debug({ fence: lease.fence }, 'leads');
    // Renewed until the last one has ended: so no other process begins before.
    await Promise.all(chores.map((chore) => this.#repeat(chore, { fence: lease.fence, signal: over.signal })));
    stopping.removeEventListener('abort', stop);
    kept.stop();
    log.debug({ fence: lease.fence, lost: kept.isLost }, 'leads no more');
    if (!kept.isLost) await this.#release(lease);
  }

  async #repeat(chore: Chore, call: ChoreCall): Promise<void> {
    while (!call.signal.aborted) {
      await chore.run(call).catch((error: unknown) => {
        if (!call.signal.aborted) this.#errors.error(error as Error, `chore ${chore.name} failed; it is tried again`);
      });
      await pause(chore.everyMs, call.signal);
    }
  }

  async #release(lease: Lease): Promise<void> {
    const { engine, leases, log } = this.#source;
    try {
      if (!(await leases.release(lease))) return;
      crashpoint('leader-released-before-told');
      await engine.broadcast(FREE);
    } catch (error) {
      log.debug({ err: error }, 'the lease of the leader was not handed over; it ends by itself');
    }
  }

  /** Until the time, or until it is told: since it began to ask. */
  async #sleep(ms: number, stopping: AbortSignal): Promise<void> {
    this.#role = 'waiting';
    if (stopping.aborted || this.#told) return;
    const woken = new AbortController();
    this.#look = () => woken.abort();
    await pause(ms, woken.signal);
  }

  #wake(): void {
    this.#told = true;
    this.#look();
  }
}

interface Term {
  readonly ttlMs: number;
  readonly askedAt: number;
  readonly stopping: AbortSignal;
}

/** Keeps no process alive. */
function pause(ms: number, ended: AbortSignal): Promise<void> {
  return wait(ms, undefined, { signal: ended, ref: false }).catch(() => undefined);
}
