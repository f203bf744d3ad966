import { OxbowError } from '../errors.ts';
import type { Logger } from '../log.ts';

/** Of loggers whose level was changed: what it was at first. */
const FIRST = new WeakMap<Logger, string>();

/**
 * From now on, for this logger and the children that it makes.
 * @param level - one that the logger has; undefined: what it was at first.
 * @throws OxbowError `invalid_options`
 */
export function setLogLevel(log: Logger, level: string | undefined): void {
  const first = FIRST.get(log) ?? log.level;
  const wanted = level ?? first;
  const known = Object.keys(log.levels.values);
  if (wanted !== 'silent' && !known.includes(wanted))
    throw new OxbowError('invalid_options', `The logger has no level "${wanted}". It has ${[...known, 'silent'].join(', ')}.`);
  FIRST.set(log, first);
  log.level = wanted;
}
