import type { Engine, StoredJob } from '../engine/engine.ts';
import type { Logger } from '../log.ts';
import { isReference, type REFERENCE } from './reference.ts';
import { ownerOf, resultPrefix, type ResultOwner } from './result-key.ts';
import type { ResultStore, StoredEntry } from './result-store.ts';

/** Entries whose jobs are looked up together. */
const PAGE = 100;

export interface JanitorOptions {
  readonly app: string;
  readonly engine: Pick<Engine, 'findMany'>;
  readonly store: ResultStore;
  readonly log: Logger;
  /** What is older is deleted though its job refers to it; undefined: nothing is. */
  readonly ttlMs: number | undefined;
  /** What is younger is left, whoever refers to it. */
  readonly graceMs: number;
  readonly everyMs: number;
}

/** A chore of the app’s leader (worker/leader.ts). */
interface ResultJanitor {
  readonly name: string;
  readonly everyMs: number;
  run(call: { readonly fence: number; readonly signal: AbortSignal }): Promise<void>;
}

/**
 * Deletes from the result store what no job refers to: the job was removed, or ended with another value than that (its worker died between
 * the two). A result of a run is kept as long as the run's last job. To run twice at once does no harm.
 */
export function resultJanitor(options: JanitorOptions): ResultJanitor {
  return { name: 'results', everyMs: options.everyMs, run: ({ signal }) => sweep(options, signal) };
}

/** @throws what the store rejects with; EngineUnavailableError */
async function sweep(options: JanitorOptions, signal: AbortSignal): Promise<void> {
  let page: StoredEntry[] = [];
  for await (const entry of options.store.list(resultPrefix(options.app))) {
    if (signal.aborted) return;
    page.push(entry);
    if (page.length < PAGE) continue;
    await sweepPage(options, page, signal);
    page = [];
  }
  await sweepPage(options, page, signal);
}

interface Judged {
  readonly entry: StoredEntry;
  readonly owner: ResultOwner;
}

async function sweepPage(options: JanitorOptions, page: readonly StoredEntry[], signal: AbortSignal): Promise<void> {
  const { ttlMs, graceMs, store, log } = options;
  const now = Date.now();
  const isOver = ({ storedAt }: StoredEntry): boolean => ttlMs !== undefined && now - storedAt.getTime() > ttlMs;
  const expired = page.filter(isOver);
  const owned = page.flatMap((entry): readonly Judged[] => {
    const owner = ownerOf(entry.key);
    const isYoung = now - entry.storedAt.getTime() < graceMs || (owner?.neededUntil ?? 0) > now;
    return owner === undefined || isYoung || isOver(entry) ? [] : [{ entry, owner }];
  });
  const garbage = [...expired, ...(await unreferred(options.engine, owned))];
  for (const { key } of garbage) {
    if (signal.aborted) return;
    await store.delete(key);
  }
  if (garbage.length > 0) log.info({ deleted: garbage.length, expired: expired.length }, 'stored results were deleted');
}

/** The jobs are looked up after their entries have been listed: a job that ended between the two refers to what is its own. */
async function unreferred(engine: JanitorOptions['engine'], owned: readonly Judged[]): Promise<readonly StoredEntry[]> {
  const jobs = await engine.findMany(owned.map(({ owner }) => owner.job));
  const gone = owned.filter(({ owner }, at) => jobs[at] === undefined && owner.root !== undefined);
  const roots = await engine.findMany(gone.flatMap(({ owner }) => owner.root ?? []));
  const inRuns = new Set(gone.filter((_, at) => roots[at] !== undefined));
  return owned.filter((one, at) => !inRuns.has(one) && !refersTo(jobs[at], one.entry.key)).map(({ entry }) => entry);
}

/** One that has not ended may yet: what an earlier attempt has stored stands until it has. A collector’s list goes to its followers only. */
function refersTo(job: StoredJob | undefined, key: string): boolean {
  if (job === undefined || job.state === 'failed') return false;
  if (job.state !== 'completed') return true;
  const value = job.returnValue;
  return (
    value === null ||
    value === undefined ||
    (isReference(value) && (value as { readonly [REFERENCE]: unknown; readonly key?: unknown }).key === key)
  );
}
