/** Stands for a member of a settle group that has failed: what is known of it is its status. */
export const FAILED: unique symbol = Symbol('failed');
const ENDS: ReadonlySet<unknown> = new Set(['failed', 'cancelled', 'expired']);

/** Whether JSON is what was expected. */
export function matches(expected: unknown, actual: unknown): boolean {
  if (expected === FAILED) return isObject(actual) && ENDS.has(actual['status']) && isObject(actual['error']);
  if (Array.isArray(expected)) {
    return Array.isArray(actual) && actual.length === expected.length && expected.every((one, i) => matches(one, actual[i]));
  }
  if (!isObject(expected)) return Object.is(expected, actual);
  if (!isObject(actual) || Array.isArray(actual)) return false;
  const names = Object.keys(expected);
  return (
    names.length === Object.keys(actual).length &&
    names.every((name) => Object.hasOwn(actual, name) && matches(expected[name], actual[name]))
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
