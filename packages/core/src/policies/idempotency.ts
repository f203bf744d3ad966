import * as z from 'zod/mini';
import { crashpoint } from '../crashpoint.ts';
import type { JobPlace, StoredJob } from '../engine/engine.ts';
import { IdempotencyMismatchError } from '../errors.ts';
import type { SignalBus } from '../signals.ts';
import type { RecordClaim, RecordStore } from '../store/records.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import type { StoredClaim } from '../task/envelope.ts';
import { parseOptions } from '../task/options.ts';
import { settingsOf, type Capability } from './capability.ts';
import { fingerprintOf } from './fingerprint.ts';
import { storeKey } from './key.ts';

/**
 * One recorded result for each key. An enqueue with a key that is known gives the job that stands for it, or what that has come to; a
 * job of a canvas claims its key when it starts. The handler runs again when its worker dies before the result is recorded.
 */
export interface IdempotencyOptions<Input> {
  /** What makes two requests one: a short text made of the input. The same text with another input is refused. */
  readonly key: (input: Input) => string;
  /** How long a key is known: since its enqueue (and the delay), since the start of its last attempt, since its end. @defaultValue '24h' */
  readonly ttl?: Duration;
  /** Whether tasks with equal keys are in each other's way. @defaultValue 'task', each has its own keys */
  readonly scope?: 'task' | 'app';
  /** Whether a final failure stands as a result does, instead of freeing its key. @defaultValue false */
  readonly replayErrors?: boolean;
}

interface Keyed extends Omit<Required<IdempotencyOptions<never>>, 'ttl' | 'key'> {
  /** Undefined for a task without the option, a job of which was given a key. */
  readonly key: ((input: never) => string) | undefined;
  readonly ttlMs: number;
}

const DEFAULT_TTL_MS = 86_400_000;
const DEFAULTS: Keyed = { key: undefined, ttlMs: DEFAULT_TTL_MS, scope: 'task', replayErrors: false };
/** A record whose job is not there after this long has been left by a producer that died before it added the job. */
const ABANDONED_MS = 15_000;

const keyed = z.strictObject({
  key: z.custom<(input: never) => string>((value) => typeof value === 'function', 'must be a function of the input'),
  ttl: z.optional(durationOption),
  scope: z.optional(z.enum(['task', 'app'])),
  replayErrors: z.optional(z.boolean()),
});
const schema = z.custom<IdempotencyOptions<never> | 'natural'>(
  (value) => value === 'natural' || (typeof value === 'object' && value !== null),
  "must be { key: (input) => …, … } or 'natural'",
);

export const idempotency: Capability<IdempotencyOptions<never> | 'natural', Keyed | 'natural'> = {
  option: 'idempotency',
  schema,
  resolve: (given, task) => {
    if (given === 'natural') return given;
    const { key, ttl, scope = 'task', replayErrors = false } = parseOptions(keyed, given, `task "${task}": idempotency`);
    const ttlMs = ttl === undefined ? DEFAULT_TTL_MS : Math.max(1, parseDuration(ttl, `task "${task}": idempotency.ttl`));
    return { key, ttlMs, scope, replayErrors };
  },
};

/** False for a task whose repetition is harmless: nothing is stored for it. */
export function isKeyed(task: Pick<TaskDefinition, 'capabilities'> | undefined): boolean {
  const settings = settingsOf(task, idempotency);
  return settings !== undefined && settings !== 'natural';
}

/** Those of a task without the option are for jobs of it that are given a key. */
export function keyedSettings(task: Pick<TaskDefinition, 'capabilities'> | undefined): Keyed {
  const settings = settingsOf(task, idempotency);
  return settings === undefined || settings === 'natural' ? DEFAULTS : settings;
}

/** False for a task that does not say why to run it again does not harm. */
export function saysWhyRepeated(task: TaskDefinition): boolean {
  return settingsOf(task, idempotency) !== undefined;
}

export interface Keying {
  /** In the form that producers give. */
  readonly input: unknown;
  /** Instead of the one that the task's function makes. */
  readonly key?: string | undefined;
  /** The input is a list, and the handler runs on each of its items: its key is that of all of them. */
  readonly ofItems?: boolean;
}

/** Undefined when nothing says a key. @throws OxbowError `invalid_key`; what the task's own function throws */
export function claimOf(task: TaskDefinition, { input, key, ofItems = false }: Keying): StoredClaim | undefined {
  const { key: keyOf, scope } = keyedSettings(task);
  if (key === undefined && keyOf === undefined) return undefined;
  const space = scope === 'app' ? 'idempotency' : `idempotency of task "${task.name}"`;
  const toKey = (one: unknown): string => storeKey(space, key ?? keyOf?.(one as never));
  const items = ofItems && Array.isArray(input) ? input : undefined;
  return {
    key: items === undefined ? toKey(input) : fingerprintOf(`${space}, items`, items.map(toKey)),
    fingerprint: fingerprintOf(task.name, input),
  };
}

export type Standing =
  /** The key is the claimer's. */
  | { readonly kind: 'held' }
  /** `job` undefined: its producer has not added it yet, or somebody has removed it. */
  | { readonly kind: 'running'; readonly owner: JobPlace; readonly job: StoredJob | undefined }
  /** JSON text of what is recorded. */
  | { readonly kind: 'succeeded' | 'failed'; readonly owner: JobPlace; readonly value: string };

export interface ClaimRequest extends Omit<RecordClaim, 'over'> {
  readonly task: string;
  /** Whether the claimer adds a recorded job that is not there. */
  readonly adds: boolean;
}

/** What a claim is made with. */
export interface Claiming {
  readonly records: RecordStore;
  readonly find: (place: JobPlace) => Promise<StoredJob | undefined>;
  readonly signals: SignalBus;
}

const OUTCOMES = { held: 'new', running: 'in_progress', succeeded: 'replayed', failed: 'replayed' } as const;

/**
 * Claims the key, or gives what stands, and tells this process of it.
 *
 * @throws IdempotencyMismatchError when it stands for another input
 */
export async function claimKey(claiming: Claiming, request: ClaimRequest): Promise<Standing> {
  const { signals } = claiming;
  if (!signals.wants('idempotency:claimed')) return claim(claiming, request);
  try {
    const standing = await claim(claiming, request);
    signals.emit('idempotency:claimed', { task: request.task, outcome: OUTCOMES[standing.kind] });
    return standing;
  } catch (error) {
    if (error instanceof IdempotencyMismatchError) signals.emit('idempotency:claimed', { task: request.task, outcome: 'mismatch' });
    throw error;
  }
}

/**
 * One round trip for a key that is free or has ended. That of a job which has finally failed, but whose worker died before it freed the key, is
 * taken over.
 */
async function claim({ records, find }: Claiming, { task, adds, ...request }: ClaimRequest): Promise<Standing> {
  for (let over: string | undefined; ;) {
    const claimed = await records.claim({ ...request, over });
    if (claimed.kind === 'held') return { kind: 'held' };
    const { status, owner, sameInput, value, heldForMs } = claimed.record;
    const { queue, id } = toPlace(owner);
    const job = status === 'running' ? await find({ queue, id }) : undefined;
    const isAbandoned = job === undefined && heldForMs > ABANDONED_MS && !(adds && sameInput);
    if (status === 'running' && (job?.state === 'failed' || isAbandoned)) {
      crashpoint('ended-owner-found-before-takeover');
      over = owner;
      continue;
    }
    if (!sameInput) throw new IdempotencyMismatchError(task, owner);
    if (status !== 'running') return { kind: status, owner: { queue, id }, value };
    // It ended in a worker that knew nothing of keys.
    if (job?.state === 'completed') return { kind: 'succeeded', owner: { queue, id }, value: JSON.stringify(job.returnValue ?? null) };
    return { kind: 'running', owner: { queue, id }, job };
  }
}

/** Of a public id; ids of other programs' jobs may have any form. */
function toPlace(owner: string): JobPlace {
  const at = owner.lastIndexOf('@');
  return { queue: owner.slice(at + 1), id: owner.slice(0, at) };
}
