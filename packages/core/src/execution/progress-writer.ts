import type { ActiveJob } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { Heartbeats } from '../policies/heartbeat.ts';
import { PacedWrite } from '../policies/paced-write.ts';
import type { AttemptSignal, SignalBus } from '../signals.ts';
import { publicId } from '../task/id.ts';
import { DEFAULT_LIMITS, encodePayload, type PayloadLimits } from '../task/payload.ts';
import { readShown, withState, type Mark, type Shown } from './shown.ts';

/** Ten writes a second. */
const REPORT_EVERY_MS = 100;

/** Of what goes with a state or a heartbeat. */
const SMALL = { ...DEFAULT_LIMITS, bytes: 16_384 };

export interface ProgressSettings {
  readonly states: ReadonlySet<string>;
  readonly signals: SignalBus;
}

/**
 * Writes what a job shows of itself while it runs. State, progress and heartbeat are one value: a write carries all of it, and writes follow one
 * another. A new attempt goes on with the states of those before it, and has no progress yet.
 */
export class ProgressWriter {
  readonly #job: ActiveJob;
  readonly #settings: ProgressSettings;
  #shown: Shown;
  #from: Mark | undefined;
  #reports: PacedWrite | undefined;
  #beats: Heartbeats | undefined;
  #isReportNew = false;
  #writing: Promise<void> = Promise.resolve();
  #underWay = 0;
  #isOver = false;

  constructor(job: ActiveJob, settings: ProgressSettings) {
    const { state, history, hb } = readShown(job.progress);
    this.#job = job;
    this.#settings = settings;
    this.#shown = { ...(state === undefined ? {} : { state }), ...(history === undefined ? {} : { history }), ...withBeat(hb) };
  }

  /** @throws OxbowError `invalid_options`; SerializationError */
  async setState(state: string, meta?: unknown): Promise<void> {
    const { states, signals } = this.#settings;
    if (!states.has(state)) {
      const declared = [...states].join(', ') || 'none';
      throw new OxbowError(
        'invalid_options',
        `Task "${this.#job.name}" does not declare the state ${JSON.stringify(state)}; its states: ${declared}.`,
      );
    }
    const change = { state, at: Date.now(), ...withMeta(copied(meta, 'state.meta', SMALL)) };
    this.#shown = { ...this.#shown, state, history: withState(this.#shown.history, change) };
    await this.#write();
    if (signals.wants('task:state')) signals.emit('task:state', { ...this.#about, state });
  }

  /** @throws OxbowError `invalid_options`; SerializationError */
  async report(done: number, total: number, meta?: unknown): Promise<void> {
    if (!(Number.isFinite(done) && Number.isFinite(total) && done >= 0 && total >= 0)) {
      throw new OxbowError(
        'invalid_options',
        `ctx.progress(done, total) takes two finite numbers of at least 0; it got ${done} and ${total}.`,
      );
    }
    const { meta: _, ...rest } = this.#shown;
    const told = withMeta(copied(meta, 'progress.meta', DEFAULT_LIMITS));
    const at = Date.now();
    // Work that begins anew goes at a pace of its own.
    if (this.#from === undefined || done < (rest.done ?? 0)) this.#from = { done, at };
    this.#shown = { ...rest, done, total, ...told, at, from: this.#from };
    this.#isReportNew = true;
    this.#reports ??= new PacedWrite(REPORT_EVERY_MS, async () => {
      if (this.#isReportNew) await this.#write();
    });
    await this.#reports.offer();
  }

  /** @throws SerializationError */
  async beat(details: unknown): Promise<void> {
    const told = copied(details, 'heartbeat', SMALL);
    await this.beats().beat(told);
  }

  /** @param timeoutMs - decides with the first call. */
  beats(timeoutMs?: number): Heartbeats {
    this.#beats ??= new Heartbeats(timeoutMs, (details) => {
      this.#shown = { ...this.#shown, ...withBeat(details) };
      return this.#write();
    });
    return this.#beats;
  }

  get hasUnwritten(): boolean {
    return this.#underWay > 0 || this.#reports?.hasUnwritten === true || this.#beats?.hasUnstored === true;
  }

  /** Writes what is not written; the last heartbeat only when it is to be kept. */
  async flush({ keepBeat }: { readonly keepBeat: boolean }): Promise<void> {
    await this.#writing;
    if (keepBeat) await this.#beats?.flush();
    await this.#reports?.flush();
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#isOver = true;
    this.#reports?.stop();
    this.#beats?.stop();
  }

  #write(): Promise<void> {
    this.#underWay += 1;
    const writing = this.#writing.then(() => this.#writeNow()).finally(() => (this.#underWay -= 1));
    this.#writing = writing.catch(() => undefined);
    return writing;
  }

  async #writeNow(): Promise<void> {
    if (this.#isOver) return;
    const { done = 0, total = 0 } = this.#shown;
    const isReport = this.#isReportNew;
    this.#isReportNew = false;
    try {
      await this.#job.updateProgress(this.#shown);
    } catch (error) {
      this.#isReportNew ||= isReport;
      throw error;
    }
    if (!isReport) return;
    if (!this.#isReportNew) this.#reports?.written();
    const { signals } = this.#settings;
    if (signals.wants('task:progress')) signals.emit('task:progress', { ...this.#about, done, total });
  }

  get #about(): AttemptSignal {
    const { id, name, queue, attemptsMade } = this.#job;
    return { id: publicId(id, queue), task: name, queue, attempt: attemptsMade + 1 };
  }
}

function withBeat(hb: unknown): Pick<Shown, 'hb'> {
  return hb === undefined ? {} : { hb };
}

function withMeta(meta: unknown): Pick<Shown, 'meta'> {
  return meta === undefined ? {} : { meta };
}

/** As it is now: it may be written later. */
function copied(value: unknown, root: string, limits: PayloadLimits): unknown {
  return value === undefined ? undefined : (JSON.parse(encodePayload(value, root, limits)) as unknown);
}
