/** Where a worker that runs canvases comes by. */
export const CANVAS_CRASHPOINTS = [
  /** Of a run: a step has its value, which nobody else has yet. */
  'publish-before',
  /** A large value is in the data of its own job; what follows is not there. */
  'out-recorded-before-publish',
  /** What follows a step is there; the step is still active. */
  'published-before-complete',
  /** A fan-out job has added its members; it is still active. */
  'fan-out-added-before-complete',
  /** A final failure is in the job's data; its error handlers are not there. */
  'failure-recorded-before-handlers',
  'handlers-before-fail',
  /** What replaces a job is in its data; nothing of it is there. */
  'replacement-recorded-before-add',
  /** The first jobs of what replaces a job are there; it is still active. */
  'replacement-added-before-park',
] as const;

/** Where a process that cancels a run comes by. */
export const CANCEL_CRASHPOINTS = [
  /** The child that a cancelled run is told with is there, and waits. */
  'cancel-child-added-before-end',
  /** It has failed; the run's last job has not ended, and no worker was told. */
  'cancel-child-ended-before-rest',
] as const;

/** Where a process comes by in `app.transaction`. */
export const TRANSACTION_CRASHPOINTS = [
  /** All statements are done. */
  'transaction-before-commit',
  /** The jobs can be seen; nobody was told. */
  'transaction-committed-before-reply',
] as const;

/** Where jobs with an idempotency key, and steps of `ctx.once`, come by. */
export const RECORD_CRASHPOINTS = [
  /** A key is claimed for a job that is not there. */
  'claimed-before-add',
  /** A job of a run has claimed its key; its handler has not begun. */
  'claimed-before-handler',
  /** The handler has ended; its result is not on record. */
  'result-before-record',
  /** It is; the job is still active. */
  'result-recorded-before-complete',
  /** A final failure is in the job's data; its key is not free. */
  'failure-recorded-before-release',
  /** The key is free, or has the failure; the job is still active. */
  'released-before-fail',
  /** The job that has the key has failed, and its worker did not free the key. */
  'ended-owner-found-before-takeover',
  /** A step has ended; nothing of it is written. */
  'step-before-record',
  /** It is written; the handler has not gone on. */
  'step-recorded-before-next',
] as const;

/** Where a process comes by that writes dead letters down, or replays them. */
export const DEAD_LETTER_CRASHPOINTS = [
  /** A final failure is in the job's data; the index does not know the letter. */
  'failure-recorded-before-index',
  /** The index knows the letter; its job is still active. */
  'indexed-before-fail',
  /** The new job is there, and the letter's is gone; the index still knows it. */
  'replayed-before-forgotten',
] as const;

/** Where a worker comes by that runs jobs which need a place: a lock, or one of those of their key. */
export const PLACE_CRASHPOINTS = [
  /** The job stands in line; it is still active. */
  'place-refused-before-put-back',
  /** The job has its place; its handler has not begun. */
  'place-taken-before-run',
  /** The handler has ended; the job has its place. */
  'place-used-before-release',
  /** The place was handed on; the job is still active. */
  'place-released-before-end',
] as const;

/** Where a worker comes by whose job's result goes to the result store. */
export const RESULT_CRASHPOINTS = [
  /** It is there as a whole; nothing refers to it. */
  'result-stored-before-complete',
] as const;

/** Where a process comes by that keeps what has ended for a time, or forgets it. */
export const RETENTION_CRASHPOINTS = [
  /** How long the result stays is written down; the job is still active. */
  'kept-before-complete',
  /** Of a run that is forgotten all is gone but its last job. */
  'members-forgotten-before-root',
] as const;

/** Where the process that leads its app comes by. */
export const LEADER_CRASHPOINTS = [
  /** The lease is free; nobody who waits for it was told. */
  'leader-released-before-told',
] as const;

/** Where a process comes by that enqueues, works or drains. */
const JOB_CRASHPOINTS = [
  /** The engine has the job; its producer was not told. */
  'after-add-before-reply',
  'after-fetch-before-handler',
  /** The handler has ended; nothing of its outcome is written. */
  'after-effect-before-record',
  /** A final failure is in the job's data; the job is still active. */
  'after-record-before-ack',
  /** The engine has the outcome; this process has told nobody. */
  'after-ack-before-signal',
  /** A job that waited was taken, to be ended without a start; nothing says yet that it has failed. */
  'end-taken-before-failed',
  /** The drain has put the first job back. */
  'after-put-back-before-exit',
] as const;

export type Crashpoint = (
  | typeof JOB_CRASHPOINTS
  | typeof CANVAS_CRASHPOINTS
  | typeof CANCEL_CRASHPOINTS
  | typeof TRANSACTION_CRASHPOINTS
  | typeof RECORD_CRASHPOINTS
  | typeof DEAD_LETTER_CRASHPOINTS
  | typeof PLACE_CRASHPOINTS
  | typeof RESULT_CRASHPOINTS
  | typeof RETENTION_CRASHPOINTS
  | typeof LEADER_CRASHPOINTS
)[number];

/**
 * Places at which a test can have this process die, as a crash there would: between two things of which the second can
 * be missing afterwards. Armed by the environment, `OXBOW_CRASHPOINT=<name>` or `<name>:<n>` for the n-th time that the
 * process comes by; otherwise a comparison and nothing else.
 */
export const CRASHPOINTS: readonly Crashpoint[] = [
  ...JOB_CRASHPOINTS,
  ...CANVAS_CRASHPOINTS,
  ...CANCEL_CRASHPOINTS,
  ...TRANSACTION_CRASHPOINTS,
  ...RECORD_CRASHPOINTS,
  ...DEAD_LETTER_CRASHPOINTS,
  ...PLACE_CRASHPOINTS,
  ...RESULT_CRASHPOINTS,
  ...RETENTION_CRASHPOINTS,
  ...LEADER_CRASHPOINTS,
];

interface Armed {
  readonly name: string;
  left: number;
}

const armed = arm(process.env['OXBOW_CRASHPOINT']);

/** SIGKILLs this process when the point is armed. */
export function crashpoint(name: Crashpoint): void {
  if (armed !== undefined) reach(name, armed);
}

function reach(name: Crashpoint, armedAt: Armed): void {
  if (name !== armedAt.name) return;
  armedAt.left--;
  if (armedAt.left === 0) process.kill(process.pid, 'SIGKILL');
}

/** A name with a typo would arm nothing, and the test that set it would be green. */
function arm(value: string | undefined): Armed | undefined {
  if (value === undefined || value === '') return undefined;
  const [name = '', times = '1'] = value.split(':');
  if (!CRASHPOINTS.some((one) => one === name) || !/^[1-9]\d*$/u.test(times)) {
    throw new Error(`OXBOW_CRASHPOINT is "${value}": it must be <name> or <name>:<n>, where <name> is one of ${CRASHPOINTS.join(', ')}.`);
  }
  return { name, left: Number(times) };
}
