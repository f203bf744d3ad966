import type { GivenUpJob, GuardedLane, LockAccess, LockStore } from './lock-access.ts';

/** Parts of the lock's duration. A job's lock has at least half of it left when its event loop stops turning. */
const TAKE_OVER = 1 / 8;
const RENEW_EVERY = 1 / 3;
/** Of one renewal, connecting included; at least what a very busy machine may take: giving up starts from nothing. */
const PATIENCE = 1 / 4;
const MIN_PATIENCE_MS = 3000;
const MAX_TICK_MS = 500;
const MIN_TICK_MS = 25;
/** A connection that nobody needed for so long is dropped. */
const REST_AFTER_MS = 30_000;

export interface LockKeeperOptions {
  readonly now: () => number;
  /** The main thread's heartbeat: any other number means that its event loop turned. */
  readonly beat: () => number;
  /** Called when a lane comes, so that nothing has to be loaded when it matters. */
  readonly open: (access: LockAccess) => Promise<LockStore>;
  /** Rejects when the promise has not settled after `ms`. */
  readonly within: <T>(ms: number, promise: Promise<T>) => Promise<T>;
  /** Told once until renewals work again. */
  readonly onTrouble: (lane: number, error: Error) => void;
  /** The main thread was silent for longer than it is believed to live: its locks end. */
  readonly onGivenUp: (lane: GuardedLane, silentMs: number, jobs: readonly GivenUpJob[]) => void;
}

interface Kept {
  readonly lane: GuardedLane;
  readonly store: OpenStore;
  extending: number;
  extendingSince: number;
  /** Undefined while the main thread renews. */
  renewedAt: number | undefined;
  givenUp: boolean;
}

interface OpenStore {
  readonly store: Promise<LockStore>;
  usedAt: number;
  failed: boolean;
  resting: boolean;
}

/**
 * Renews the locks of lanes while their main thread does not: when its event loop stands still, and when its own
 * renewal gets no answer. It knows owners, not jobs: which jobs they hold, the server says.
 */
export class LockKeeper {
  readonly #options: LockKeeperOptions;
  readonly #lanes = new Map<number, Kept>();
  readonly #stores = new Map<string, OpenStore>();
  #beat = Number.NaN;
  #beatAt = 0;

  constructor(options: LockKeeperOptions) {
    this.#options = options;
  }

  guard(lane: GuardedLane): void {
    const key = JSON.stringify(lane.access);
    let store = this.#stores.get(key);
    if (store === undefined) {
      store = { store: this.#options.open(lane.access), usedAt: 0, failed: false, resting: true };
      this.#stores.set(key, store);
    }
    this.#lanes.set(lane.id, { lane, store, extending: 0, extendingSince: 0, renewedAt: undefined, givenUp: false });
  }

  release(id: number): void {
    this.#lanes.delete(id);
  }

  /** How long until the next {@link tick}. */
  get intervalMs(): number {
    const shortest = Math.min(...[...this.#lanes.values()].map(({ lane }) => lane.lockDurationMs));
    return Math.max(MIN_TICK_MS, Math.min(MAX_TICK_MS, shortest / 16));
  }

  /** Looks once, and renews what is due. Never rejects. */
  async tick(): Promise<void> {
    const now = this.#options.now();
    const beat = this.#options.beat();
    if (beat !== this.#beat) {
      this.#beat = beat;
      this.#beatAt = now;
    }
    const due = [...this.#lanes.values()].filter((kept) => this.#isDue(kept, now));
    await Promise.all([...groups(due)].map((group) => this.#renew(group, now)));
    for (const open of this.#stores.values()) {
      if (open.resting || now - open.usedAt < REST_AFTER_MS) continue;
      open.resting = true;
      rest(open.store);
    }
  }

  #isDue(kept: Kept, now: number): boolean {
    const { lane } = kept;
    const extending = Atomics.load(lane.extending, 0);
    if (extending !== kept.extending) {
      kept.extending = extending;
      kept.extendingSince = now;
    }
    const silentMs = now - (extending % 2 === 0 ? this.#beatAt : Math.min(this.#beatAt, kept.extendingSince));
    if (silentMs < lane.lockDurationMs * TAKE_OVER) {
      kept.renewedAt = undefined;
      kept.givenUp = false;
      return false;
    }
    if (silentMs > lane.maxBlockedMs) {
      if (!kept.givenUp) void this.#giveUp(kept, silentMs);
      kept.givenUp = true;
      return false;
    }
    return kept.renewedAt === undefined || now - kept.renewedAt >= lane.lockDurationMs * RENEW_EVERY;
  }

  /** Its locks still last for a while: the server can say of which jobs they are. */
  async #giveUp({ lane, store: open }: Kept, silentMs: number): Promise<void> {
    open.usedAt = this.#options.now();
    open.resting = false;
    const asked = open.store.then((store) => store.giveUp(lane.queue, [lane.owner]));
    const jobs = await this.#options.within(MIN_PATIENCE_MS, asked).catch(() => []);
    this.#options.onGivenUp(lane, silentMs, jobs);
  }

  /** A connection that failed once, or did not answer, is not waited for: the next tick tries another. */
  async #renew(group: readonly Kept[], now: number): Promise<void> {
    const [first] = group as readonly [Kept];
    const { store: open, lane } = first;
    open.usedAt = now;
    open.resting = false;
    const owners = group.map((kept) => kept.lane.owner);
    try {
      await this.#options.within(Math.max(MIN_PATIENCE_MS, lane.lockDurationMs * PATIENCE), renew(open.store, lane, owners));
      for (const kept of group) kept.renewedAt = now;
      open.failed = false;
    } catch (error) {
      rest(open.store);
      if (!open.failed) this.#options.onTrouble(lane.id, error as Error);
      open.failed = true;
    }
  }
}

async function renew(store: Promise<LockStore>, { queue, lockDurationMs }: GuardedLane, owners: readonly string[]): Promise<void> {
  await (await store).renew(queue, owners, lockDurationMs);
}

function rest(store: Promise<LockStore>): void {
  store.then((opened) => opened.rest()).catch(() => undefined);
}

/** Lanes that one call can serve. */
function groups(due: readonly Kept[]): Iterable<readonly Kept[]> {
  const together = new Map<OpenStore, Map<string, Kept[]>>();
  for (const kept of due) {
    const { store, lane } = kept;
    const ofStore = together.get(store) ?? new Map<string, Kept[]>();
    together.set(store, ofStore);
    const key = `${lane.queue} ${lane.lockDurationMs}`;
    ofStore.set(key, [...(ofStore.get(key) ?? []), kept]);
  }
  return [...together.values()].flatMap((ofStore) => [...ofStore.values()]);
}
