import type { Lane } from '../engine/engine.ts';
import type { Logger } from '../log.ts';
import type { SignalBus } from '../signals.ts';
import type { LaneState } from './state.ts';

const LOOK_MS = 1000;
/** Twice the time for which an idle lane asks its server to wait for a job. */
const PATIENCE_MS = 10_000;
/** Over the wait that the server was asked for. */
const GRACE_MS = 5000;

interface Watched {
  readonly lane: Lane;
  answers: number;
  wellAt: number;
  silentMs: number;
  reconnectedAtMs: number;
  stuck: boolean;
}

/**
 * Sees to it that every lane that should fetch hears from its server, and gives it new connections when it does not:
 * the last resort behind the clients' own timeouts. Silence is counted in looks, not in time: a blocked event loop or
 * a stopped process reads nothing, but its server is well.
 */
export class LaneWatch {
  readonly #signals: SignalBus;
  readonly #log: Logger;
  readonly #lanes: Watched[] = [];
  #looks: NodeJS.Timeout | undefined;

  constructor(signals: SignalBus, log: Logger) {
    this.#signals = signals;
    this.#log = log;
  }

  start(lanes: readonly Lane[]): void {
    for (const lane of lanes) this.#lanes.push({ lane, answers: -1, wellAt: 0, silentMs: 0, reconnectedAtMs: 0, stuck: false });
    this.#looks = setInterval(() => this.look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#looks);
  }

  get states(): readonly LaneState[] {
    return this.#lanes.map(({ lane: { queue, pulse }, wellAt, silentMs, stuck }) => {
      const { running, fetches, answers, blockMs } = pulse;
      return { queue, running, fetching: fetches, lastFetchAt: wellAt, fetched: answers > 0, silentMs, blockMs, stuck };
    });
  }

  /** One look, once a second. */
  look(): void {
    for (const watched of this.#lanes) this.#look(watched);
  }

  #look(watched: Watched): void {
    const { lane } = watched;
    const { answers, fetches, blockMs } = lane.pulse;
    if (answers !== watched.answers || !fetches) {
      watched.answers = answers;
      watched.wellAt = Date.now();
      this.#recovered(watched);
      return;
    }
    watched.silentMs += LOOK_MS;
    // On SQL engines an idle lane may ask its server to wait for an hour.
    if (watched.silentMs <= blockMs) watched.wellAt = Date.now();
    const patienceMs = Math.max(PATIENCE_MS, blockMs + GRACE_MS);
    if (watched.silentMs - watched.reconnectedAtMs < patienceMs) return;
    watched.reconnectedAtMs = watched.silentMs;
    if (!watched.stuck) {
      watched.stuck = true;
      const event = { queue: lane.queue, silentMs: watched.silentMs };
      this.#log.error(event, `queue ${lane.queue}: the server has not answered for ${watched.silentMs} ms; connecting anew`);
      this.#signals.emit('worker:stuck', event);
    }
    lane.reconnect();
  }

  #recovered(watched: Watched): void {
    const event = { queue: watched.lane.queue, silentMs: watched.silentMs };
    const wasStuck = watched.stuck;
    watched.silentMs = 0;
    watched.reconnectedAtMs = 0;
    watched.stuck = false;
    if (!wasStuck) return;
    this.#log.info(event, `queue ${event.queue}: the server answers again`);
    this.#signals.emit('worker:recovered', event);
  }
}
