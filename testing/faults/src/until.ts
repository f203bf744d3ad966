import { setTimeout as wait } from 'node:timers/promises';

const DEADLINE_MS = 25_000;
const EVERY_MS = 20;

type Settled<T> = Exclude<Awaited<T>, false | undefined | null>;

/** Polls until `look` gives something, and resolves to it. Rejects after 25 s, or `withinMs`, saying what did not come. */
export async function until<T>(what: string, look: () => T, withinMs: number = DEADLINE_MS): Promise<Settled<T>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== null && seen !== false) return seen as Settled<T>;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`);
    await wait(EVERY_MS);
  }
}
