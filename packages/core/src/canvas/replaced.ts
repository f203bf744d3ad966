/** Ends the run id of the jobs that replace another job: their plan lies in the job before the dot. */
const REPLACED = '.';

/** Run id of what replaces a job. */
export function replacementId(jobId: string): string {
  return `${jobId}${REPLACED}`;
}

export function isReplacement(runId: string): boolean {
  return runId.endsWith(REPLACED);
}

/** The job in which the plan of a run lies. */
export function rootIdOf(runId: string): string {
  return isReplacement(runId) ? runId.slice(0, -REPLACED.length) : runId;
}

/** The root of a replacement is the job that it replaces. */
export function realPlace(place: { readonly queue: string; readonly id: string }): { readonly queue: string; readonly id: string } {
  return isReplacement(place.id) ? { queue: place.queue, id: rootIdOf(place.id) } : place;
}
