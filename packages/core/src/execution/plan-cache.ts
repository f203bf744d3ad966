import type { Plan } from '../canvas/plan.ts';
import type { RunPlace } from '../canvas/nodes.ts';
import { isReplacement } from '../canvas/replaced.ts';
import type { Engine } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { messageIn, type CanvasJob } from './canvas-job.ts';

const MAX_BYTES = 32 * 1024 * 1024;

/** Plans that this process has read, the last used ones, up to 32 MiB of JSON. A plan never changes. */
export class PlanCache {
  readonly #engine: Pick<Engine, 'find'>;
  readonly #maxBytes: number;
  /** Run id → plan, longest unused first. */
  readonly #plans = new Map<string, { readonly plan: Promise<Plan>; bytes: number }>();
  #bytes = 0;

  constructor(engine: Pick<Engine, 'find'>, maxBytes: number = MAX_BYTES) {
    this.#engine = engine;
    this.#maxBytes = maxBytes;
  }

  /**
   * The run of a job, with its plan: from its message, this cache, or its root job.
   * @throws OxbowError `run_over` when the root job is gone; EngineUnavailableError
   */
  runOf({ message, runId, root }: CanvasJob): RunPlace | Promise<RunPlace> {
    if (message.plan !== undefined) return { plan: message.plan, rootId: runId, rootQueue: root.queue };
    return this.#plan(runId, root).then((plan) => ({ plan, rootId: runId, rootQueue: root.queue }));
  }

  #plan(runId: string, root: CanvasJob['root']): Promise<Plan> {
    const known = this.#plans.get(runId);
    if (known !== undefined) {
      this.#plans.delete(runId);
      this.#plans.set(runId, known);
      return known.plan;
    }
    const entry = { plan: this.#load(runId, root), bytes: 0 };
    this.#plans.set(runId, entry);
    entry.plan.then(
      (plan) => this.#weigh(runId, entry, JSON.stringify(plan).length),
      () => this.#plans.delete(runId),
    );
    return entry.plan;
  }

  #weigh(runId: string, entry: { bytes: number }, bytes: number): void {
    if (this.#plans.get(runId) !== entry) return;
    entry.bytes = bytes;
    this.#bytes += bytes;
    for (const [oldest, { bytes: freed }] of this.#plans) {
      if (this.#bytes <= this.#maxBytes || oldest === runId) return;
      this.#plans.delete(oldest);
      this.#bytes -= freed;
    }
  }

  async #load(runId: string, root: CanvasJob['root']): Promise<Plan> {
    const job = await this.#engine.find(root.queue, root.id);
    const message = messageIn(job?.data);
    const plan = isReplacement(runId) ? message?.rep : message?.plan;
    if (plan === undefined) throw new OxbowError('run_over', `The run ${root.id}@${root.queue} is over: its last job is gone.`);
    return plan;
  }
}
