import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { until } from '@oxbow/faults';
import type { RollingMessage } from './rolling-program.ts';
import type { RollingOrders } from './rolling-tasks.ts';

const PROGRAM = fileURLToPath(new URL('rolling-program.js', import.meta.url));
const EVERY_MS = 50;
const ENDING_EVERY_MS = 5;
const PROBE_MS = 2000;
const LOOKS_AFTER = 3;

export const PROBES = ['startupz', 'livez', 'readyz'] as const;
/** As whoever restarts it sees it: `starting` until all are 200, `draining` once /readyz is 503, `gone` when nobody answers. */
export const PHASES = ['starting', 'running', 'draining', 'gone'] as const;
const READYZ = PROBES.indexOf('readyz');
export type Phase = (typeof PHASES)[number];

/** Of all workers: phase → probe → answer → how often. */
export class ProbeTally {
  readonly #counts = new Map<string, Map<string, number>>();

  add(phase: Phase, probe: string, answer: string): void {
    const key = `${phase}/${probe}`;
    const counts = this.#counts.get(key) ?? new Map<string, number>();
    this.#counts.set(key, counts.set(answer, (counts.get(answer) ?? 0) + 1));
  }

  /** `200`, or `200 ×812, 503 ×1` when there is more than one. */
  shown(phase: Phase, probe: string): string {
    const counts = [...(this.#counts.get(`${phase}/${probe}`) ?? new Map<string, number>())];
    return counts.length === 1 ? (counts[0]?.[0] ?? '') : counts.map(([answer, times]) => `${answer} ×${times}`).join(', ');
  }

  looks(phase: Phase): number {
    return Math.max(...PROBES.map((probe) => [...(this.#counts.get(`${phase}/${probe}`)?.values() ?? [])].reduce((a, b) => a + b, 0)));
  }
}

export interface Ending {
  readonly code: number | string;
  /** From SIGTERM until somebody saw that /readyz was no longer 200. */
  readonly unreadyMs: number;
  /** From SIGTERM to the exit. */
  readonly ms: number;
}

/** A process that works, and is asked for its health all the time. */
export class RollingWorker implements AsyncDisposable {
  phase: Phase = 'starting';
  /** Jobs that ran here when the drain began. */
  runningAtDrain = 0;
  readonly troubles: string[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | string>;
  readonly #listens: Promise<string>;
  readonly #probing: Promise<void>;
  #hasExited = false;
  /** When it was sent SIGTERM. */
  #endingAt: number | undefined;
  /** When /readyz was no longer 200, since that. */
  #unreadyAt: number | undefined;

  constructor(orders: RollingOrders, tally: ProbeTally) {
    this.#child = spawn(process.execPath, [PROGRAM], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_NO_WARNINGS: '1', ROLLING_ORDERS: JSON.stringify(orders) },
    });
    this.#exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.#hasExited = true;
      return (signal ?? code) as number | string;
    });
    this.#listens = new Promise((resolve) => {
      this.#child.on('message', (message: RollingMessage) => {
        if (message.kind === 'listens') resolve(message.url);
        else if (message.kind === 'draining') this.runningAtDrain = message.running;
        else this.troubles.push(`${message.kind} ${message.id}`);
      });
    });
    this.#probing = this.#probe(tally);
  }

  /** @throws when it ended before, or has not been ready in time */
  async ready(): Promise<void> {
    await until('a worker is ready', () => this.phase === 'running' || this.#hasExited);
    if (this.#hasExited) throw new Error(`a worker ended before it was ready, with ${await this.#exited}`);
  }

  /** Sends SIGTERM. Resolves when nobody answers any more. */
  async terminate(): Promise<Ending> {
    const endingAt = performance.now();
    this.#endingAt = endingAt;
    this.#child.kill('SIGTERM');
    const code = await this.#exited;
    const ms = performance.now() - endingAt;
    await this.#probing;
    return { code, ms, unreadyMs: (this.#unreadyAt ?? Infinity) - endingAt };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    await this.#probing;
  }

  async #probe(tally: ProbeTally): Promise<void> {
    const url = await Promise.race([this.#listens, this.#exited.then(() => undefined)]);
    let before: readonly string[] = [];
    let isCounted = false;
    // A few times more behind its end: nobody answers then.
    for (let left = url === undefined ? 0 : LOOKS_AFTER; left > 0; left -= this.#hasExited ? 1 : 0) {
      const answers = await Promise.all(PROBES.map((probe) => answerOf(`${url}/${probe}`)));
      if (answers[READYZ] !== '200' && this.#endingAt !== undefined) this.#unreadyAt ??= performance.now();
      // One that fell into a change has answers of both phases: what is not seen twice in a row counts for nothing.
      const isSame = answers.join() === before.join();
      if (isSame) for (const look of isCounted ? [answers] : [before, answers]) this.#count(look, tally);
      isCounted = isSame;
      before = answers;
      await wait(this.#endingAt === undefined ? EVERY_MS : ENDING_EVERY_MS);
    }
  }

  /** Phases only go on: an answer that does not belong into the one that was reached is in the table. */
  #count(answers: readonly string[], tally: ProbeTally): void {
    const all = (answer: string): boolean => answers.every((one) => one === answer);
    if (this.phase === 'starting' && all('200')) this.phase = 'running';
    else if (this.phase === 'running' && answers[READYZ] === '503') this.phase = 'draining';
    else if (this.#endingAt !== undefined && all('no answer')) this.phase = 'gone';
    for (const [at, probe] of PROBES.entries()) tally.add(this.phase, probe, answers[at] ?? '');
  }
}

/** The status code. */
async function answerOf(url: string): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) });
    await answer.arrayBuffer();
    return String(answer.status);
  } catch {
    return 'no answer';
  }
}
