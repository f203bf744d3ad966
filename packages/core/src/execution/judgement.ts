const judged = new WeakMap<Error, boolean>();

/** Says whether `retry` retries an error that was thrown elsewhere, where it still had its class. */
export function judge<Thrown extends Error>(error: Thrown, retries: boolean): Thrown {
  judged.set(error, retries);
  return error;
}

/** Undefined for an error that was thrown here. */
export function judgementOf(error: Error): boolean | undefined {
  return judged.get(error);
}
