import { companionsOf } from '../policies/companions.ts';
import { fanOutsOf } from '../canvas/publish.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Engine, JobPlace, StoredJob } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { messageIn } from '../execution/canvas-job.ts';
import { stepsKey } from '../execution/once.ts';
import { callsOf, markerId, runsOf } from '../policies/run-cancellation.ts';
import type { StoredResults } from '../results/stored-results.ts';
import type { RetentionStore } from '../store/retention.ts';
import { publicId } from '../task/id.ts';
import { isFinal, statusOf } from './status.ts';

interface Memory {
  readonly engine: Engine;
  readonly retention: RetentionStore;
  readonly results: StoredResults;
}

/** A job, and what it has returned. */
type Member = JobPlace & Pick<StoredJob, 'returnValue'>;

const PAGE = 100;

/**
 * Removes a job that has ended, and of a run all of its jobs. The last job of the run goes last: it has the plan, by which whoever comes
 * after a crash finds the rest.
 * @throws OxbowError `still_running`, `in_a_run`; `result_store_failed` when all jobs are gone, and a stored result could not be deleted: it goes later
 */
export async function forget({ engine, retention, results }: Memory, job: StoredJob): Promise<void> {
  if (messageIn(job.data)?.p !== undefined)
    throw new OxbowError('in_a_run', `The job ${nameOf(job)} belongs to a run, which is forgotten as a whole: app.run(id).forget().`);
  const members = await membersOf(engine, job);
  for (let from = 0; from < members.length; from += PAGE) await remove(retention, members.slice(from, from + PAGE));
  crashpoint('members-forgotten-before-root');
  await remove(retention, [job]);
  for (const { returnValue } of [...members, job]) await results.delete(returnValue);
}

async function remove(retention: RetentionStore, places: readonly JobPlace[]): Promise<void> {
  const open = await retention.forget(places.map(({ queue, id }) => ({ queue, id, steps: stepsKey(publicId(id, queue)) })));
  if (open !== undefined) throw stillRunning(open);
}

/** All that belongs to a job, as far as it is there. @throws OxbowError `still_running` when it, or something of it, has not ended */
async function membersOf(engine: Engine, job: StoredJob): Promise<readonly Member[]> {
  if (!isFinal(statusOf(job))) throw stillRunning(job);
  const found: Member[] = [];
  for (const run of runsOf(job)) {
    const calls = callsOf(run);
    const places = [...calls, ...fanOutsOf(run), ...calls.map(toMarker), ...companionsOf(run)];
    for (let from = 0; from < places.length; from += PAGE) {
      for (const member of await engine.findMany(places.slice(from, from + PAGE))) {
        if (member !== undefined)
          found.push(...(await membersOf(engine, member)), { queue: member.queue, id: member.id, returnValue: member.returnValue });
      }
    }
  }
  const [marker] = await engine.findMany([toMarker(job)]);
  return marker === undefined ? found : [...found, { ...toMarker(job), returnValue: undefined }];
}

function toMarker({ queue, id }: JobPlace): JobPlace {
  return { queue, id: markerId(id) };
}

function stillRunning(place: JobPlace): OxbowError {
  return new OxbowError('still_running', `The job ${nameOf(place)} has not ended: cancel it, or wait. Nothing was removed.`);
}

function nameOf({ id, queue }: JobPlace): string {
  return publicId(id, queue);
}
