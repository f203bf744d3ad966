import type { JobJson } from 'bullmq';
import type { NewJob, StoredJob, StoredState } from './engine.ts';

/** The name of `replyTo` among BullMQ's options of a job, which leave alone what they do not know. */
const REPLY_TO = 're';

/** BullMQ's form of a new job. Only what differs from its defaults is stored. */
export function toJobJson(job: NewJob): JobJson {
  const opts: JobJson['opts'] = {};
  if (job.attempts !== undefined) opts.attempts = job.attempts;
  if (job.delayMs !== undefined) opts.delay = job.delayMs;
  if (job.priority !== undefined) opts.priority = job.priority;
  if (job.replyTo !== undefined) Object.assign(opts, { [REPLY_TO]: job.replyTo });
  return {
    id: job.id,
    name: job.name,
    data: job.data,
    opts,
    timestamp: job.timestamp,
    delay: job.delayMs ?? 0,
    priority: job.priority ?? 0,
    progress: 0,
    attemptsMade: 0,
    attemptsStarted: 0,
    stalledCounter: 0,
    failedReason: '',
    returnvalue: 'null',
  };
}

/** Undefined: its end is told to nobody. */
export function replyToOf({ opts }: { readonly opts: object }): string | undefined {
  const to = (opts as { readonly [REPLY_TO]?: unknown })[REPLY_TO];
  return typeof to === 'string' ? to : undefined;
}

const STATES: Readonly<Record<string, StoredState>> = {
  completed: 'completed',
  failed: 'failed',
  delayed: 'delayed',
  active: 'active',
  waiting: 'waiting',
  prioritized: 'waiting',
  'waiting-children': 'waiting-children',
};

/** A copy of a job as BullMQ's backend reads it. */
export function toStoredJob(queue: string, id: string, state: string, job: JobJson): StoredJob {
  return {
    id,
    name: job.name,
    queue,
    // Between two lists for an instant, or a state of a later BullMQ: not final, so a reader looks again.
    state: STATES[state] ?? 'waiting',
    data: fromJson(job.data),
    returnValue: fromJson(job.returnvalue),
    failedReason: job.failedReason,
    stack: (fromJson(job.stacktrace) as readonly string[] | undefined) ?? [],
    progress: job.progress,
    attempts: job.opts.attempts ?? 0,
    attemptsMade: job.attemptsMade ?? 0,
    attemptsStarted: job.attemptsStarted ?? 0,
    stalledCounter: job.stalledCounter ?? 0,
    timestamp: job.timestamp,
    delayMs: job.delay ?? 0,
    priority: job.priority ?? 0,
    processedOn: job.processedOn,
    finishedOn: job.finishedOn,
  };
}

function fromJson(text: string | undefined): unknown {
  return typeof text === 'string' && text !== '' ? JSON.parse(text) : undefined;
}
