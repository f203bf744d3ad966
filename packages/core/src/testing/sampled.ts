const DAY_MS = 86_400_000;

/**
 * Of the places where a process dies so many, others each day; each death takes seconds. All of them with OXBOW_TEST_WHOLE=1 (`npm run test:whole`), those
 * of a certain day with its number as OXBOW_TEST_SEED. The names of the tests say which.
 */
export function sampled<T>(all: readonly T[], count: number): readonly T[] {
  if ((process.env['OXBOW_TEST_WHOLE'] ?? '') !== '') return all;
  const seed = Number(process.env['OXBOW_TEST_SEED'] ?? Math.floor(Date.now() / DAY_MS));
  return Array.from({ length: Math.min(count, all.length) }, (_, i) => all[(seed * count + i) % all.length] as T);
}
