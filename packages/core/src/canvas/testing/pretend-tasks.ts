import { createHash } from 'node:crypto';

/**
 * Tasks for random canvases. The first letter of a name says what it does: `t` gives text, `o` an object, `b` a value too large to
 * be copied, `f` fails. What they give stands for their name and input, so equal values mean equal ways to them.
 */
export class PretendTasks {
  /** Every execution, as `name(input)`. */
  readonly ran: string[] = [];

  run(name: string, input: unknown): unknown {
    const call = `${name}(${digest(input)})`;
    this.ran.push(call);
    switch (name[0]) {
      case 'f':
        throw new Error(name);
      case 'o':
        return { [name]: digest(input) };
      case 'b':
        return call.padEnd(5_000, '.');
      default:
        return call;
    }
  }
}

/** Errors are left out: which of several failures a member shows depends on which came first. */
function digest(input: unknown): string {
  if (isFailure(input)) return 'failure';
  return createHash('sha1')
    .update(JSON.stringify(withoutErrors(input), sortedKeys) ?? 'nothing')
    .digest('base64url')
    .slice(0, 8);
}

/** Postgres keeps an object's keys in an order of its own. */
function sortedKeys(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export function withoutErrors(value: unknown): unknown {
  if (value === undefined) return value;
  return JSON.parse(JSON.stringify(value), (key, one: unknown) => (key === 'error' ? undefined : one));
}

/** What error handlers get, also merged into a partial. */
function isFailure(input: unknown): boolean {
  return typeof input === 'object' && input !== null && JSON.stringify(input).includes('"runId"');
}
