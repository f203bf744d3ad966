import type { EngineName } from './orders.ts';
import type { Stage } from './stage.ts';

/** What one side came to under one fault. */
export interface Figures {
  readonly accepted: number;
  readonly rejected: number;
  readonly finished: number;
  readonly failed: number;
  readonly waiting: number;
  readonly lost: number;
  readonly unaccounted: number;
  readonly neverRan: number;
  /** Jobs that the producer was not told of, and that ran. */
  readonly strangers: number;
  readonly duplicateStarts: number;
  readonly duplicateEnds: number;
  /** From the first add to the last end. */
  readonly seconds: number;
  /** From the end of the fault to the next end of a job. */
  readonly recoverySeconds: number | undefined;
  /** The worst second of one process. */
  readonly logLinesPerSecond: number;
  readonly notes: Readonly<Record<string, number | string>>;
}

export interface Row {
  /** Its number in the table. */
  readonly id: string;
  readonly fault: string | Readonly<Record<EngineName, string>>;
  readonly engines: readonly EngineName[];
  /** Why there is none on the others, for the table. */
  readonly absent?: string;
  /** True where the server is a master behind Sentinels. @defaultValue false */
  readonly sentinels?: boolean;
  /** On which engines it is part of the sample. */
  readonly sampled: readonly EngineName[];
  readonly settings?: (engine: EngineName) => readonly string[];
  readonly run: (stage: Stage) => Promise<void>;
  /** How long all may take after `run`, and what is in flight when a process dies: those may start twice. */
  readonly settleMs?: (stage: Stage) => number;
  readonly inFlight?: number;
  /** How many acknowledged writes the server may lose by its own settings. @defaultValue none */
  readonly mayForget?: (figures: Figures) => number;
  /** False where jobs are to be left waiting. @defaultValue true */
  readonly finishes?: boolean;
  /** False where our side is to refuse all. @defaultValue true */
  readonly accepts?: boolean;
  /** What else is wrong with our side. */
  readonly judge?: (ours: Figures, raw: Figures) => readonly string[];
}

/** What is done to the server or the processes, in the words of the table. */
export function faultOn({ fault }: Row, engine: EngineName): string {
  return typeof fault === 'string' ? fault : fault[engine];
}

/** Why our side does not pass; empty when it does. */
export function verdict(row: Row, ours: Figures, raw: Figures): readonly string[] {
  const wrong: string[] = [];
  const refuse = (what: string, count: number): void => {
    if (count > 0) wrong.push(`${count} ${what}`);
  };
  if (row.accepts !== false && ours.accepted === 0) wrong.push('nothing was accepted');
  if (row.accepts !== false && raw.accepted === 0) wrong.push('the rival accepted nothing: nothing is compared');
  const forgettable = row.mayForget?.(ours) ?? 0;
  const forgotten = Math.min(ours.lost, forgettable);
  refuse('lost', ours.lost - forgotten);
  refuse('unaccounted', ours.unaccounted);
  if (row.finishes !== false) {
    refuse('not finished', ours.failed + ours.waiting);
    refuse('never ran', Math.max(0, ours.neverRan - forgotten));
  }
  const allowed = Math.max(raw.duplicateStarts, row.inFlight ?? 0) + forgettable;
  if (ours.duplicateStarts > allowed) wrong.push(`${ours.duplicateStarts} duplicate starts, ${allowed} allowed`);
  return [...wrong, ...(row.judge?.(ours, raw) ?? [])];
}
