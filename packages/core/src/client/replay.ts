import { createHash } from 'node:crypto';
import { crashpoint } from '../crashpoint.ts';
import type { Engine, FlowJob, JobPlace, StoredJob } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import type { DeadLetterStore } from '../store/dead-letters.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { replayData } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import { encodePayload, type PayloadLimits } from '../task/payload.ts';
import { parse } from '../task/schema.ts';
import { envelopeOf, runIdOf } from './dead-letter.ts';

export interface ReplaySource {
  readonly engine: Engine;
  readonly store: DeadLetterStore;
  readonly limits: PayloadLimits;
  readonly task: (name: string) => TaskDefinition | undefined;
}

export interface Replay {
  /** Instead of the letter's own; undefined: as it was. */
  readonly input: { readonly value: unknown } | undefined;
  readonly delayMs: number;
}

const REPLAYED = /\.d(?<times>\d+)$/u;
const MAX_ID = 120;
const JOB_ID = /^[A-Za-z0-9._-]+$/u;

/** The place of the job that replays the letter: computed, so that a letter that is replayed twice is one job. */
export function replayPlace({ queue, id }: JobPlace): JobPlace {
  const times = Number(REPLAYED.exec(id)?.groups?.['times'] ?? 0);
  const base = id.replace(REPLAYED, '');
  const own = base.length <= MAX_ID && JOB_ID.test(base) ? base : createHash('sha256').update(base).digest('base64url').slice(0, 22);
  return { queue, id: `${own}.d${times + 1}` };
}

/**
 * Puts a new job in the place of a failed one, in one step; then the index forgets the letter. Should the process die between, the
 * index heals when it is read. False: somebody else was faster.
 */
export async function replayJob(source: ReplaySource, job: StoredJob, replay: Replay): Promise<FlowJob | undefined> {
  const again = await toReplay(source, job, replay);
  if (!(await source.engine.replaceFailed(job, again))) return undefined;
  crashpoint('replayed-before-forgotten');
  await source.store.forget([publicId(job.id, job.queue)]);
  return again;
}

/** @throws OxbowError `in_a_run`, `malformed`, `unknown_task`; InvalidInputError, SerializationError */
async function toReplay(source: ReplaySource, job: StoredJob, { input, delayMs }: Replay): Promise<FlowJob> {
  const id = publicId(job.id, job.queue);
  const envelope = envelopeOf(job);
  const runId = envelope === undefined ? undefined : runIdOf(job, envelope);
  if (runId !== undefined)
    throw new OxbowError(
      'in_a_run',
      `Dead letter ${id} belongs to the run ${runId}: app.run(${JSON.stringify(runId)}).retryFailed() tries it again, with what follows it.`,
    );
  if (envelope === undefined && input === undefined)
    throw new OxbowError('malformed', `The data of dead letter ${id} cannot be read: replay it with an input.`);
  const given = input === undefined ? envelope?.input : await checked(source, job.name, input.value);
  const text = given === undefined ? undefined : encodePayload(given, 'input', source.limits);
  return {
    ...replayPlace(job),
    name: job.name,
    data: replayData(text, envelope?.headers ?? {}, { id, first: envelope?.origin?.first ?? envelope?.origin?.id }),
    timestamp: Date.now(),
    ...(delayMs > 0 ? { delayMs } : {}),
    ...(job.priority > 0 ? { priority: job.priority } : {}),
    ...(job.attempts > 0 ? { attempts: job.attempts } : {}),
  };
}

async function checked({ task }: ReplaySource, name: string, input: unknown): Promise<unknown> {
  const definition = task(name);
  if (definition === undefined)
    throw new OxbowError('unknown_task', `A replay with another input needs the task "${name}", to check it: declare it in this app.`);
  if (definition.input !== undefined) await parse(definition.input, input, name);
  return input;
}
