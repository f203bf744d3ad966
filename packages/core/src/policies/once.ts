/** A handler that runs twice in one attempt is a bug of the policy, so it is told. */
export function once<T>(policy: string, next: () => Promise<T>): () => Promise<T> {
  let called = false;
  return () => {
    if (called) throw new Error(`Policy "${policy}" called next() twice.`);
    called = true;
    return next();
  };
}
