import { account, readLedger, type LedgerEntry, type StoreState } from '@oxbow/faults';
import type { Child } from './child.ts';
import type { Figures, Row } from './row.ts';
import { Stage, type StageOptions } from './stage.ts';

const SETTLE_MS = 60_000;

let current: Stage | undefined;

/** Ends the processes and servers of the measurement that runs now. */
export async function abandon(): Promise<void> {
  await current?.[Symbol.asyncDispose]();
}

/** One row on one side, with everything of its own; one at a time. */
export async function measure(row: Row, options: Omit<StageOptions, 'settings' | 'host'>): Promise<Figures> {
  const host = row.sentinels === true ? 'sentinels' : options.engine;
  await using stage = await Stage.open({ ...options, host, settings: row.settings?.(options.engine) ?? [] });
  current = stage;
  await row.run(stage);
  const settleMs = row.settleMs?.(stage) ?? SETTLE_MS;
  const store = await settle(stage, row.finishes === false ? 0 : settleMs);
  const entries = readLedger(stage.ledger);
  const sum = account(entries, store);
  return {
    accepted: sum.accepted,
    rejected: sum.rejected,
    finished: sum.finished,
    failed: sum.failed,
    waiting: sum.waiting,
    lost: sum.lost.length,
    unaccounted: sum.unaccounted.length,
    neverRan: sum.neverStarted.length,
    strangers: sum.strangers.length,
    duplicateStarts: sum.duplicateStarts,
    duplicateEnds: sum.duplicateEnds,
    seconds: spanMs(entries) / 1000,
    recoverySeconds: recovery(entries, stage.faultEndedAt),
    logLinesPerSecond: Math.max(0, ...stage.children.flatMap((child: Child) => [...child.lines.values()])),
    notes: stage.notes,
  };
}

/** Asks the store until nothing waits, or the deadline; the last answer counts. */
async function settle(stage: Stage, withinMs: number): Promise<ReadonlyMap<string, StoreState>> {
  const deadline = performance.now() + withinMs;
  const accepted = (): readonly LedgerEntry[] => readLedger(stage.ledger).filter(({ word }) => word === 'accepted');
  await stage.reach('end', new Set(accepted().map(({ id }) => id)).size, withinMs);
  const asker = stage.spawn('producer');
  await asker.ready;
  let states = new Map<string, StoreState>();
  const look = async (): Promise<boolean> => {
    const reply = await asker.ask({ kind: 'states', ids: accepted().map(({ id, note }) => [id, note]) });
    if (reply.kind === 'states') states = new Map(reply.states.map(([n, state]) => [n, state as StoreState]));
    return ![...states.values()].includes('waiting');
  };
  await stage.holds(look, Math.max(0, deadline - performance.now()));
  return states;
}

function spanMs(entries: readonly LedgerEntry[]): number {
  const first = entries.find(({ word }) => word === 'accepted')?.atMs;
  const last = entries.findLast(({ word }) => word === 'end')?.atMs;
  return first === undefined || last === undefined ? 0 : Math.max(0, last - first);
}

function recovery(entries: readonly LedgerEntry[], endedAt: number | undefined): number | undefined {
  if (endedAt === undefined) return undefined;
  const endedAtMs = Math.floor(performance.timeOrigin + endedAt);
  const next = entries.find(({ word, atMs }) => word === 'end' && atMs >= endedAtMs);
  return next === undefined ? undefined : (next.atMs - endedAtMs) / 1000;
}
