import { OxbowError } from '../errors.ts';

const NAME = /^[A-Za-z0-9._-]{1,128}$/u;
/** What Oxbow's own tasks and channels are called. */
const OWN = 'oxbow.';

/**
 * Names of apps, tasks and queues become parts of keys and channels, so nothing else may be in them; `oxbow.` begins none of a user's tasks, queues, policies and states.
 * @throws OxbowError `invalid_name`
 */
export function assertName(kind: 'app' | 'task' | 'queue' | 'policy' | 'state', name: unknown): asserts name is string {
  if (typeof name === 'string' && NAME.test(name)) {
    if (!name.startsWith(OWN) || kind === 'app') return;
    throw new OxbowError('invalid_name', `The ${kind} name must not begin with ${OWN}, as ${name} does: such names are Oxbow’s own.`);
  }
  const shown = typeof name === 'string' ? JSON.stringify(name.slice(0, 140)) : typeof name;
  throw new OxbowError('invalid_name', `The ${kind} name must be 1–128 characters of A–Z a–z 0–9 . _ - ; it is ${shown}.`);
}
