import type { JobPlace } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import type { RetentionStore } from '../store/retention.ts';
import { publicId } from '../task/id.ts';

/** Why a job is not there, as far as it is known. One round trip. */
export async function whyGone(retention: Pick<RetentionStore, 'isExpired'>, place: JobPlace, what: 'job' | 'run'): Promise<OxbowError> {
  const id = publicId(place.id, place.queue);
  return (await retention.isExpired(place))
    ? new OxbowError('result_expired', `The result of ${what} ${id} is gone: the resultTtl of its task is over.`)
    : new OxbowError('unknown_job', `There is no ${what} ${id}: the id is wrong, or retention has removed the ${what}.`);
}
