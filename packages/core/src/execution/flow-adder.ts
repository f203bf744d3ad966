import type { ActiveJob, Addition, Engine, FlowJob } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { batchOf, rewritten, wrapTogether } from '../policies/enqueue-wrapping.ts';
import type { AttemptCall, EnqueueCall, Policy, Publishing } from '../policies/policy.ts';
import type { SignalBus } from '../signals.ts';
import { decodeEnvelope, type Envelope } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import type { PayloadLimits } from '../task/payload.ts';
import type { SqlExecutor } from '../task/sql-executor.ts';
import { announce } from './announcement.ts';
import { readCanvasJob } from './canvas-job.ts';

export interface FlowAdderSource {
  readonly engine: Pick<Engine, 'addFlow' | 'transactions'>;
  readonly signals: SignalBus;
  readonly policies: readonly Policy[];
  readonly limits: PayloadLimits;
  /** The options of a task that belong to policies. */
  readonly optionsOf: (task: string) => EnqueueCall['options'];
}

/** An attempt by whose end others are added. */
export interface Publisher {
  readonly job: Pick<ActiveJob, 'id' | 'queue' | 'name'>;
  readonly envelope: Envelope | undefined;
  /** As policies have seen it. */
  readonly call: AttemptCall | undefined;
}

/** How jobs of runs come into the engine: through the policies that wrap enqueues, in one atomic add; and then this process is told. */
export class FlowAdder {
  readonly #source: FlowAdderSource;

  constructor(source: FlowAdderSource) {
    this.#source = source;
  }

  /**
   * @param from - whose end adds them; undefined: a producer.
   * @param tx - a transaction of the producer's, where the engine has such.
   * @throws as `Engine.addFlow`, or `Transactions.add`; what a policy throws, and then nothing is added
   */
  async add(flow: readonly FlowJob[], from?: Publisher, tx?: SqlExecutor): Promise<Addition | undefined> {
    const wrapping = this.#wrapping;
    let addition: Addition | undefined;
    const send = async (jobs: readonly FlowJob[]): Promise<void> => {
      addition = await this.#send(jobs, tx);
    };
    if (wrapping.length === 0) await send(flow);
    else await this.#wrapped(wrapping, flow, from, send);
    this.announce(flow, addition);
    return addition;
  }

  /** Whether a policy must see jobs before they are added. */
  get wraps(): boolean {
    return this.#wrapping.length > 0;
  }

  /** Tells this process of jobs that were added elsewise. */
  announce(flow: readonly FlowJob[], addition?: Addition): void {
    const { signals } = this.#source;
    if (!signals.wants('task:enqueued')) return;
    for (const job of flow) announce(signals, job.queue, job, addition);
  }

  get #wrapping(): readonly Policy[] {
    return this.#source.policies.filter((policy) => policy.enqueue !== undefined);
  }

  async #send(jobs: readonly FlowJob[], tx: SqlExecutor | undefined): Promise<Addition | undefined> {
    const { engine } = this.#source;
    if (tx !== undefined && engine.transactions !== undefined) return engine.transactions.add(tx, jobs);
    await engine.addFlow(jobs);
    return undefined;
  }

  async #wrapped(
    policies: readonly Policy[],
    flow: readonly FlowJob[],
    from: Publisher | undefined,
    send: (jobs: readonly FlowJob[]) => Promise<void>,
  ): Promise<void> {
    const { limits } = this.#source;
    const alone = flow.map((job) => this.#toCall(job));
    const together = {
      ...(from === undefined ? {} : { from: describe(from) }),
      ...(flow.length === 1 ? {} : { batch: batchOf(alone) }),
    };
    const calls = alone.map((call) => ({ ...call, ...together }));
    await wrapTogether(policies, calls, (last) =>
      send(flow.map((job, i) => toJob(job, calls[i] as EnqueueCall, last[i] as EnqueueCall, limits))),
    );
  }

  #toCall(job: FlowJob): EnqueueCall {
    const { id, name, queue, data } = job;
    const { input, headers, canvas } = decodeEnvelopeOf(data);
    const read = canvas === undefined ? undefined : readCanvasJob(job, canvas);
    const run = read?.kind === 'canvas' ? { runId: publicId(read.canvas.root.id, read.canvas.root.queue) } : {};
    return { id: publicId(id, queue), task: name, queue, input, headers, options: this.#source.optionsOf(name), ...run };
  }
}

function toJob(job: FlowJob, call: EnqueueCall, last: EnqueueCall, limits: PayloadLimits): FlowJob {
  if (last.queue !== call.queue || last.task !== call.task)
    throw new OxbowError('invalid_options', `A policy cannot change the task or the queue of a job of a run (task "${call.task}").`);
  return last === call ? job : { ...job, data: rewritten(job.data, last, limits) };
}

function describe({ job, envelope, call }: Publisher): Publishing {
  const attempt = call === undefined ? {} : { attempt: call };
  return { id: publicId(job.id, job.queue), task: job.name, headers: envelope?.headers ?? {}, ...attempt };
}

function decodeEnvelopeOf(data: string): Envelope {
  const decoded = decodeEnvelope(JSON.parse(data));
  if (decoded.kind !== 'envelope') throw new Error('A job of a run has an envelope.');
  return decoded.envelope;
}
