/**
 * Places at which a test can have this process die, as a crash there would: between two things of which the second can
 * be missing afterwards. Armed by the environment, `OXBOW_CRASHPOINT=<name>` or `<name>:<n>` for the n-th time that the
 * process comes by; otherwise a comparison and nothing else.
 */
export const CRASHPOINTS = [
  /** The engine has the job; its producer was not told. */
  'after-add-before-reply',
  'after-fetch-before-handler',
  /** The handler has ended; nothing of its outcome is written. */
  'after-effect-before-record',
  /** A final failure is in the job's data; the job is still active. */
  'after-record-before-ack',
  /** The engine has the outcome; this process has told nobody. */
  'after-ack-before-signal',
  /** The drain has put the first job back. */
  'after-put-back-before-exit',
] as const;

export type Crashpoint = (typeof CRASHPOINTS)[number];

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
