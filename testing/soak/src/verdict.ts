import { OxbowError, type App, type RunHandle, type Tree } from '@oxbow/core';
import { collect, openJobs, START, type Evidence } from './evidence.ts';
import type { EventCounts } from './event-counts.ts';
import { matches } from './matches.ts';
import { fails } from './trees.ts';
import { Walk } from './walk.ts';

const MOST_SHOWN = 8;

/** A run that was enqueued. */
export interface Started {
  readonly tree: Tree;
  /** Public id. */
  readonly id: string;
  /** Somebody tried to cancel it, and may have been too late. */
  readonly cancelled: boolean;
}

/** What a round came to; every list is empty when nothing is wrong. */
export interface Verdict {
  readonly runs: number;
  /** Recorded results that were recomputed. */
  readonly nodes: number;
  readonly jobs: number;
  readonly failedRuns: number;
  readonly cancelledRuns: number;
  readonly hung: readonly string[];
  readonly wrong: readonly string[];
  /** Jobs that ended twice. */
  readonly endedTwice: readonly string[];
  /** Jobs that were added twice. */
  readonly publishedTwice: readonly string[];
  /** Jobs that wait, run or are parked when all is over. */
  readonly left: readonly string[];
}

export type Outcome =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'failed' | 'cancelled' | 'hung'; readonly message: string };

/** What the run's handle says of it. */
export async function outcomeOf(run: RunHandle, withinMs: number): Promise<Outcome> {
  try {
    return { kind: 'value', value: await run.result({ timeout: withinMs }) };
  } catch (error) {
    const { message } = error as Error;
    if (!OxbowError.is(error) || error.code === 'result_timeout') return { kind: 'hung', message };
    if (error.code === 'cancelled') return { kind: 'cancelled', message };
    return { kind: 'failed', message };
  }
}

/**
 * Resolves when no job is open, or at the deadline. It looks twice: queues are counted one after the other, so that a job which
 * publishes another and ends between two counts hides both.
 */
export async function settle(app: Pick<App, 'queue'>, withinMs: number, wait: (ms: number) => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (let quiet = 0; quiet < 2 && performance.now() < deadline; await wait(100)) quiet = (await openJobs(app)) === 0 ? quiet + 1 : 0;
}

export async function judge(
  app: App,
  events: EventCounts,
  { runs, outcomes, ledger }: { readonly runs: readonly Started[]; readonly outcomes: readonly Outcome[]; readonly ledger: string },
): Promise<Verdict> {
  await events.read();
  const evidence = await collect(app, ledger);
  const walk = new Walk(evidence);
  const wrong: string[] = [];
  for (const [i, run] of runs.entries()) {
    const outcome = outcomes[i];
    if (outcome !== undefined && outcome.kind !== 'hung') wrong.push(...judgeRun(walk, run, outcome));
  }
  const { added, ended } = events.repeated;
  const of = (kind: Outcome['kind']): number => outcomes.filter((outcome) => outcome.kind === kind).length;
  return {
    runs: runs.length,
    nodes: walk.nodes,
    jobs: evidence.jobs.length,
    failedRuns: of('failed'),
    cancelledRuns: of('cancelled'),
    hung: runs.flatMap(({ id }, i) => (outcomes[i]?.kind === 'hung' ? [`${id}: ${outcomes[i].message}`] : [])),
    wrong,
    endedTwice: ended,
    publishedTwice: added,
    left: open(evidence),
  };
}

function judgeRun(walk: Walk, { tree, id, cancelled }: Started, outcome: Outcome): readonly string[] {
  const before = walk.findings.length;
  const wasCancelled = outcome.kind === 'cancelled' && cancelled;
  const came = walk.run(tree, START, wasCancelled ? 'lax' : 'strict');
  const findings = walk.findings.slice(before).map((finding) => `${id}: ${finding}`);
  if (wasCancelled) return findings;
  const expected = fails(tree) ? 'failed' : 'value';
  if (outcome.kind !== expected) {
    const message = outcome.kind === 'value' ? '' : ` (${outcome.message})`;
    return [`${id}: the run came to "${outcome.kind}"${message}, expected "${expected}"`, ...findings];
  }
  if (outcome.kind === 'value' && came.kind === 'value' && !matches(came.value, outcome.value))
    return [`${id}: the run's result is wrong`, ...findings];
  return findings;
}

function open({ jobs }: Evidence): readonly string[] {
  return jobs.flatMap(({ id, task, state, label }) =>
    state === 'completed' || state === 'failed' ? [] : [`${id} (${task} ${label ?? ''}) is ${state}`],
  );
}

/** What is wrong, in words, of each kind the first few. */
export function findingsOf({ hung, wrong, endedTwice, publishedTwice, left }: Verdict): readonly string[] {
  return [
    ...named('hung', hung),
    ...named('wrong', wrong),
    ...named('ended twice', endedTwice),
    ...named('published twice', publishedTwice),
    ...named('left over', left),
  ];
}

function named(kind: string, texts: readonly string[]): readonly string[] {
  const shown = texts.slice(0, MOST_SHOWN).map((text) => `${kind}: ${text}`);
  return texts.length > MOST_SHOWN ? [...shown, `${kind}: ${texts.length - MOST_SHOWN} more`] : shown;
}
