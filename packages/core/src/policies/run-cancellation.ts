import { setTimeout as wait } from 'node:timers/promises';
import { isCall, placeOf, type RunPlace } from '../canvas/nodes.ts';
import { CANCEL, type CanvasMessage } from '../canvas/plan.ts';
import { replacementId } from '../canvas/replaced.ts';
import { crashpoint } from '../crashpoint.ts';
import type { EndedHow, Engine, JobPlace, StoredJob, StoredState } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
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
 */
export async function cancel(engine: Engine, place: JobPlace, ending: Ending): Promise<boolean | undefined> {
  const job = await engine.find(place.queue, place.id);
  if (job === undefined) return undefined;
  if (isFinal(job.state)) return false;
  const runs = ending.alone === true ? [] : runsOf(job);
  const cancellation = { ...ending, id: place.id };
  const rest = (): Promise<void> => endRest(engine, runs, cancellation);
  const isParked = job.state === 'waiting-children';
  const marked = isParked || runs.length > 0 ? await addMarker(engine, place, ending, isParked ? place : undefined) : undefined;
  // The last job of a run is taken before all others end, so that they end with the run or not at all, and is ended after
  // them: should this process die before, it starts, and whoever runs it ends them.
  const how = await engine.end(place, failedWith(ending), ending.reason, marked === undefined ? undefined : rest);
  if (marked === undefined && how === 'active') await addMarker(engine, place, ending);
  if (marked === undefined) await engine.broadcast(toMessage(cancellation));
  // It decides: when it ends as cancelled, its worker ends the rest; when it ends otherwise, the rest goes on.
  else if (how === 'active') await engine.broadcast(toMessage({ ...cancellation, undecided: true }));
  // A marker that a worker has taken meanwhile will release the last job: members that end before it would fail the run.
  else if (how === 'parked' && marked !== 'active') await rest();
  if ((how === 'active' || how === 'parked') && messageOf(job) !== undefined) return toldInTime(engine, place, ending);
  return how === 'final' || how === 'unknown' ? endedSo(engine, place, ending) : true;
}

/** Tells the workers of what runs, and ends what waits: members, and what their links and error handlers have started. */
export async function endRest(engine: Engine, runs: readonly RunPlace[], cancellation: Cancellation): Promise<void> {
  const { id, undecided: _, ...ending } = cancellation;
  await engine.broadcast(toMessage({ id, ...ending }));
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

/** The same, by the worker of a job that was cancelled, by itself or with a run around it, and that a run ends in. */
export async function endRestOf(engine: Engine, job: Pick<StoredJob, 'id' | 'queue' | 'data'>, cancellation: Cancellation): Promise<void> {
  const runs = cancellation.alone === true ? [] : runsOf(job);
  if (runs.length > 0) await endRest(engine, runs, { ...cancellation, id: job.id });
}

/** For workers that were not told: they look for it when they renew their locks. As a child of a parked job it releases that. */
async function addMarker(engine: Engine, { queue, id }: JobPlace, ending: Ending, parent?: JobPlace): Promise<EndedHow> {
  const marker = { queue, id: markerId(id) };
  const data = JSON.stringify({ $ox: ENVELOPE_VERSION, in: { ...ending, id, queue } });
  // Delayed: a worker takes it only when this process has died before it ends it.
  const timing = { timestamp: Date.now(), delayMs: MARKER_DELAY_MS };
  await engine.addFlow([{ ...marker, name: CANCEL, data, ...timing, ...(parent === undefined ? {} : { parent }) }]).catch(unlessThere);
  crashpoint('cancel-child-added-before-end');
  const how = await engine.end(marker, failedWith(ending), ending.reason);
  crashpoint('cancel-child-ended-before-rest');
  return how;
}

/** Somebody else cancels it too, and saw it run when we saw it wait: their marker serves. */
function unlessThere(error: unknown): void {
  if (!(OxbowError.is(error) && error.code === 'run_over')) throw error;
}

/** Of its links and error handlers those that have started. */
async function cancelCompanions(engine: Engine, run: RunPlace, ending: Ending): Promise<void> {
  const places = companionsOf(run);
  const jobs = await engine.findMany(places);
  const open = places.filter((_, i) => jobs[i] !== undefined && !isFinal(jobs[i].state));
  for (const place of open) await cancel(engine, place, ending);
}

/** How jobs and runs were cancelled, by their markers. Of a run that has not ended so (yet), its last job alone is told. */
export async function cancellationsOf(engine: Pick<Engine, 'findMany'>, places: readonly JobPlace[]): Promise<readonly Cancellation[]> {
  const markers = await engine.findMany(places.map(({ queue, id }) => ({ queue, id: markerId(id) })));
  const marked = places.flatMap((place, i) => {
    const cancellation = markedBy(markers[i]?.data);
    return cancellation === undefined ? [] : [{ place, cancellation }];
  });
  const jobs = await engine.findMany(marked.map(({ place }) => place));
  return marked.map(({ cancellation }, i) => {
    const job = jobs[i];
    return job === undefined || failureOf(job)?.end !== undefined ? cancellation : { ...cancellation, undecided: true };
  });
}

/**
 * How the run that ends in this job was cancelled, when that is certain: its marker has ended, and whoever cancels it is told so, unless
 * the job had ended before.
 */
export async function certainCancellation(engine: Pick<Engine, 'find'>, { queue, id }: JobPlace): Promise<Cancellation | undefined> {
  const marker = await engine.find(queue, markerId(id));
  return marker?.state === 'failed' ? markedBy(marker.data) : undefined;
}

/** What the data of a marker says; undefined when there is none. */
export function markedBy(marker: unknown): Cancellation | undefined {
  const decoded = marker === undefined ? undefined : decodeEnvelope(marker);
  return decoded?.kind === 'envelope' ? toCancellation(decoded.envelope.input) : undefined;
}

/** Its jobs but the last. */
export function callsOf(run: RunPlace): readonly JobPlace[] {
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
  return job !== undefined && failureOf(job)?.end === end;
}

/** The run that ends in the job, and the one that replaces it. */
export function runsOf(job: Pick<StoredJob, 'id' | 'queue' | 'data'>): readonly RunPlace[] {
  const message = messageOf(job);
  const own = message?.p === undefined && message?.plan !== undefined ? [{ plan: message.plan, rootId: job.id, rootQueue: job.queue }] : [];
  return [...own, ...replacementOf(job)];
}

function replacementOf(job: Pick<StoredJob, 'id' | 'queue' | 'data'>): readonly RunPlace[] {
  const plan = messageOf(job)?.rep;
  return plan === undefined ? [] : [{ plan, rootId: replacementId(job.id), rootQueue: job.queue }];
}

/** A last job that runs may end before its worker hears of it: then it was too late. */
async function toldInTime(engine: Engine, place: JobPlace, ending: Ending): Promise<boolean> {
  for (let waited = 0; waited < TELLING_MS; waited += LOOK_MS) {
    const job = await engine.find(place.queue, place.id);
    const failure = job === undefined ? undefined : failureOf(job);
    // On record, it counts also when its worker has died with it.
    const isOver = job === undefined || isFinal(job.state) || failure?.attemptsMade === job.attemptsMade;
    if (isOver) return failure?.end === ending.end;
    await wait(LOOK_MS);
  }
  return true;
}

function failureOf({ data }: Pick<StoredJob, 'data'>): StoredFailure | undefined {
  const decoded = decodeEnvelope(data);
  return decoded.kind === 'envelope' ? decoded.envelope.failure : undefined;
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
