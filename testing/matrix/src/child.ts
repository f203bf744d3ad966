import { readFileSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Orders, Production, Reply, Request } from './orders.ts';

const PROGRAM = fileURLToPath(new URL('program.js', import.meta.url));
const SHIFTED_CLOCK = fileURLToPath(import.meta.resolve('@oxbow/faults/shifted-clock'));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of the matrix. What it writes to its outputs is its log, of which only the rate and the last lines are kept. */
export class Child {
  readonly role: Orders['role'];
  readonly exited: Promise<Exit>;
  /** `true` when it was ready, `false` when it ended before. */
  readonly ready: Promise<boolean>;
  /** Lines of log by second. */
  readonly lines: Map<number, number> = new Map();
  lastLine = '';
  hasExited = false;
  readonly #child: ChildProcess;

  constructor(orders: Orders, clockShiftMs: number) {
    this.role = orders.role;
    this.#child = spawn(process.execPath, [...(clockShiftMs === 0 ? [] : ['--import', SHIFTED_CLOCK]), PROGRAM], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...process.env,
        NODE_NO_WARNINGS: '1',
        MATRIX_ORDERS: JSON.stringify(orders),
        OXBOW_CLOCK_SHIFT_MS: String(clockShiftMs),
        OXBOW_CRASHPOINT: orders.side === 'oxbow' && orders.dieAt !== undefined ? `${orders.dieAt.name}:${orders.dieAt.time}` : '',
      },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', (bytes: Buffer) => this.#count(bytes.toString()));
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.hasExited = true;
      return { code, signal } as Exit;
    });
    const ready = once(this.#child, 'message').then(() => true);
    this.ready = Promise.race([ready, this.exited.then(() => false)]);
  }

  /** Numbers from `from` on; resolves when each was accepted or rejected. */
  async produce(production: Production): Promise<void> {
    await this.ask({ kind: 'produce', production });
  }

  /** One at a time. @throws when the process ends without an answer */
  async ask(request: Request): Promise<Reply> {
    const reply = once(this.#child, 'message').then(([message]) => message as Reply);
    this.#child.send(request);
    const answer = await Promise.race([reply, this.exited]);
    if (!('kind' in answer)) throw new Error(`the ${this.role} ended without an answer: ${this.lastLine}`);
    return answer;
  }

  /** Resident memory, in MiB. */
  get rssMib(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1]) / 1024;
  }

  signal(name: NodeJS.Signals): void {
    if (!this.hasExited) this.#child.kill(name);
  }

  async end(name: NodeJS.Signals): Promise<Exit> {
    this.signal(name);
    return this.exited;
  }

  #count(text: string): void {
    const lines = text.split('\n').filter((line) => line !== '');
    const second = Math.floor(performance.now() / 1000);
    this.lines.set(second, (this.lines.get(second) ?? 0) + lines.length);
    this.lastLine = lines.at(-1) ?? this.lastLine;
  }
}
