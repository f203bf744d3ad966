import { setTimeout as wait } from 'node:timers/promises';
import { isCall, placeOf, type RunPlace } from '../canvas/nodes.ts';
import { CANCEL, type CanvasMessage } from '../canvas/plan.ts';
import { replacementId } from '../canvas/replaced.ts';
import { crashpoint } from '../crashpoint.ts';
import type { EndedHow, Engine, JobPlace, StoredJob, StoredState } from '../engine/engine.ts';
import { BEFORE_START, decodeEnvelope, ENVELOPE_VERSION, type FailureRecord, type StoredFailure } from '../task/envelope.ts';
import { toCancellation, toError, toMessage, type Cancellation } from './cancellation.ts';
import { companionsOf } from './companions.ts';

type Ending = Omit<Cancellation, 'id'>;

/** How many nodes are looked at together. */
const PAGE = 200;
/** Broadcasts take less. */
const TELLING_MS = 500;
const LOOK_MS = 50;
const MARKER_DELAY_MS = 2000;
/** Ending a member can release a join, which then waits. */
const MAX_PASSES = 10;

/** The job that says for ever that a job, or a run, was cancelled: who missed the message finds it. */
export function markerId(id: string): string {
  return `${id}-cancel`;
}

/**
 * Ends a job that has not ended: one that waits never starts, one that runs is told. A job that is the last one of a
 * run takes the whole run along. False: it has ended already. Undefined: there is no such job.
 *
 * True is said of no job of a run that succeeds after that, whether its worker hears of it or not: the marker is a child of the job, so the
 * engine does not let it complete, but has it wait for the marker and start again, and then it looks for the marker.
 */
export async function cancel(engine: Engine, place: JobPlace, ending: Ending): Promise<boolean | undefined> {
  const job = await engine.find(place.queue, place.id);
  if (job === undefined) return undefined;
  if (isFinal(job.state)) return false;
  const isOfRun = messageOf(job) !== undefined;
  return isOfRun || job.state === 'waiting-children' ? cancelMarked(engine, job, ending) : cancelAlone(engine, place, ending);
}

async function cancelMarked(engine: Engine, job: StoredJob, ending: Ending): Promise<boolean> {
  const place = { queue: job.queue, id: job.id };
  await lookAtStart(engine, job);
  await addMarker(engine, place, ending, place);
  const isParked = (await engine.find(job.queue, job.id))?.state === 'waiting-children';
  const released = isParked ? await endMarker(engine, place, ending) : undefined;
  // A worker that has taken it will release the last job: members that end before that would fail the run.
  if (released !== 'active') await endRest(engine, ending.alone === true ? [] : runsOf(job), { ...ending, id: job.id });
  return endedInTime(engine, place, ending);
}

/** A job of no run. Its marker is for a worker that does not hear of it. */
async function cancelAlone(engine: Engine, place: JobPlace, ending: Ending): Promise<boolean> {
  const how = await engine.end(place, failedWith(ending), ending.reason);
  if (how === 'active') {
    await addMarker(engine, place, ending);
    await endMarker(engine, place, ending);
  }
  await engine.broadcast(toMessage({ ...ending, id: place.id }));
  return how === 'final' || how === 'unknown' ? endedSo(engine, place, ending) : true;
}

/** A last job is ended after all others: should this process die before, the marker, or whoever runs the job, ends them. */
async function endedInTime(engine: Engine, place: JobPlace, ending: Ending): Promise<boolean> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const how = await engine.end(place, failedWith(ending), ending.reason);
    // It waits for its marker.
    if (how === 'parked') await endMarker(engine, place, ending);
    if (how !== 'active' && how !== 'parked') {
      await endMarker(engine, place, ending);
      return how === 'ended' || endedSo(engine, place, ending);
    }
    // It has heard of it, or will find the marker.
    if (waited >= TELLING_MS) return true;
    await wait(LOOK_MS);
  }
}

/** Tells the workers of what runs, and ends what waits: members, and what their links and error handlers have started. */
export async function endRest(engine: Engine, runs: readonly RunPlace[], cancellation: Cancellation): Promise<void> {
  const { id: _, ...ending } = cancellation;
  await engine.broadcast(toMessage(cancellation));
  for (const run of runs) {
    const running = await endMembers(engine, callsOf(run), ending);
    // A step that had not heard of it may have published what follows behind our back.
    if (running.length > 0) {
      await untilTold(engine, running);
      await endMembers(engine, callsOf(run), ending);
    }
    await cancelCompanions(engine, run, ending);
  }
}

/** Resolves when none of them runs any more, or has been told by now. */
async function untilTold(engine: Engine, places: readonly JobPlace[]): Promise<void> {
  for (let waited = 0; waited < TELLING_MS; waited += LOOK_MS) {
    const jobs = await engine.findMany(places);
    if (jobs.every((job) => job?.state !== 'active')) return;
    await wait(LOOK_MS);
  }
}

/** The same, by the worker of a job that was cancelled and that a run ends in: whoever cancelled it may have died. */
export async function endRestOf(engine: Engine, job: Pick<StoredJob, 'id' | 'queue' | 'data'>, cancellation: Cancellation): Promise<void> {
  if (cancellation.id === job.id && cancellation.alone !== true) await endRest(engine, runsOf(job), cancellation);
}

/** For workers that were not told: they look for it when they renew their locks. A job that it is a child of waits for it. */
async function addMarker(engine: Engine, { queue, id }: JobPlace, ending: Ending, parent?: JobPlace): Promise<void> {
  const data = JSON.stringify({ $ox: ENVELOPE_VERSION, in: { ...ending, id, queue } });
  // Delayed: a worker takes it only when this process has died before it ends it, or the job does not end.
  const timing = { timestamp: Date.now(), delayMs: MARKER_DELAY_MS };
  await engine.addFlow([{ queue, id: markerId(id), name: CANCEL, data, ...timing, ...(parent === undefined ? {} : { parent }) }]);
  crashpoint('cancel-child-added-before-end');
}

async function endMarker(engine: Engine, { queue, id }: JobPlace, ending: Ending): Promise<EndedHow> {
  const how = await engine.end({ queue, id: markerId(id) }, failedWith(ending), ending.reason);
  crashpoint('cancel-child-ended-before-rest');
  return how;
}

/** A job that starts for the first time looks for no marker unless its data says so. */
async function lookAtStart(engine: Engine, { queue, id, data }: StoredJob): Promise<void> {
  await engine.changeData({ queue, id }, data, (stored) => {
    const message = messageOf({ data: stored });
    return message === undefined || message.x === 1 ? undefined : { ...(stored as object), c: { ...message, x: 1 } };
  });
}

/** Of its links and error handlers those that have started. */
async function cancelCompanions(engine: Engine, run: RunPlace, ending: Ending): Promise<void> {
  const places = companionsOf(run);
  const jobs = await engine.findMany(places);
  const open = places.filter((_, i) => jobs[i] !== undefined && !isFinal(jobs[i].state));
  for (const place of open) await cancel(engine, place, ending);
}

/** What the data of a marker says; undefined when there is none. */
export function markedBy(marker: unknown): Cancellation | undefined {
  const decoded = marker === undefined ? undefined : decodeEnvelope(marker);
  return decoded?.kind === 'envelope' ? toCancellation(decoded.envelope.input) : undefined;
}

function callsOf(run: RunPlace): readonly JobPlace[] {
  return run.plan.nodes.flatMap((node, at) => (isCall(node) && at !== run.plan.root ? [placeOf(run, at)] : []));
}

/** Ends those that wait, and joins that this releases. Returns those that run. */
export async function endMembers(engine: Engine, places: readonly JobPlace[], ending: Ending): Promise<readonly JobPlace[]> {
  const running = new Set<JobPlace>();
  let open = places;
  for (let pass = 0; open.length > 0 && pass < MAX_PASSES; pass++) {
    const before = open;
    open = await endWaiting(engine, open, ending, running);
    if (open.length === before.length && open.every(({ id }, i) => id === before[i]?.id)) break;
  }
  return [...running];
}

/** Returns those that are parked. */
async function endWaiting(
  engine: Engine,
  places: readonly JobPlace[],
  ending: Ending,
  running: Set<JobPlace>,
): Promise<readonly JobPlace[]> {
  const parked: JobPlace[] = [];
  const known = new Set(places.map(({ id }) => id));
  const isNew = ({ id }: JobPlace): boolean => !known.has(id);
  for (let from = 0; from < places.length; from += PAGE) {
    const page = places.slice(from, from + PAGE);
    const jobs = await engine.findMany(page);
    const open = page.filter((_, i) => jobs[i] !== undefined && !isFinal(jobs[i].state));
    const ends: readonly EndedHow[] = await Promise.all(open.map((place) => engine.end(place, failedWith(ending), ending.reason)));
    const byId = new Map(jobs.flatMap((job) => (job === undefined ? [] : [[job.id, job] as const])));
    for (const [i, place] of open.entries()) {
      if (ends[i] === 'parked') parked.push(place);
      if (ends[i] === 'active') running.add(place);
      // What replaces a job is not in the plan of its run.
      const job = byId.get(place.id);
      for (const run of ends[i] === 'parked' && job !== undefined ? replacementOf(job) : []) parked.push(...callsOf(run).filter(isNew));
    }
  }
  return parked;
}

function isFinal(state: StoredState): boolean {
  return state === 'completed' || state === 'failed';
}

/** Somebody else ended it meanwhile: perhaps a worker that found what we left. */
async function endedSo(engine: Engine, { queue, id }: JobPlace, { end }: Ending): Promise<boolean> {
  const job = await engine.find(queue, id);
  const decoded = job?.state === 'failed' ? decodeEnvelope(job.data) : undefined;
  return decoded?.kind === 'envelope' && decoded.envelope.failure?.end === end;
}

/** The run that ends in the job, and the one that replaces it. */
function runsOf(job: Pick<StoredJob, 'id' | 'queue' | 'data'>): readonly RunPlace[] {
  const message = messageOf(job);
  const own = message?.p === undefined && message?.plan !== undefined ? [{ plan: message.plan, rootId: job.id, rootQueue: job.queue }] : [];
  return [...own, ...replacementOf(job)];
}

function replacementOf(job: Pick<StoredJob, 'id' | 'queue' | 'data'>): readonly RunPlace[] {
  const plan = messageOf(job)?.rep;
  return plan === undefined ? [] : [{ plan, rootId: replacementId(job.id), rootQueue: job.queue }];
}

function messageOf(job: Pick<StoredJob, 'data'>): CanvasMessage | undefined {
  const decoded = decodeEnvelope(job.data);
  return decoded.kind === 'envelope' ? (decoded.envelope.canvas as CanvasMessage | undefined) : undefined;
}

/** A job's data with the record of its end; data that is not ours stays as it is. */
function failedWith(ending: Ending): (stored: unknown) => unknown {
  const { name, message, code } = toError(ending);
  const error: FailureRecord = { name, message, code, stack: undefined, cause: undefined };
  const failure: StoredFailure = { error, end: ending.end, attemptsMade: 0, stalledCounter: BEFORE_START };
  return (stored) => (typeof stored === 'object' && stored !== null && '$ox' in stored ? { ...stored, f: failure } : stored);
}
