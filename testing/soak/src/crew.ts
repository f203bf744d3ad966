import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Orders, Reply, Request } from './orders.ts';

const PROGRAM = fileURLToPath(new URL('program.js', import.meta.url));
const LAST_LINES = 20;

/** A process of a soak. */
export class Member {
  /** `true` when it was ready, `false` when it ended before. */
  readonly ready: Promise<boolean>;
  readonly exited: Promise<NodeJS.Signals | number | null>;
  hasExited = false;
  readonly #child: ChildProcess;
  #lines: readonly string[] = [];

  constructor(orders: Orders, crashpoint = '') {
    this.#child = spawn(process.execPath, [PROGRAM], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NODE_NO_WARNINGS: '1', SOAK_ORDERS: JSON.stringify(orders), OXBOW_CRASHPOINT: crashpoint },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (bytes: Buffer) => (this.#lines = [...this.#lines, bytes.toString()].slice(-LAST_LINES)));
    }
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.hasExited = true;
      return (signal ?? code) as NodeJS.Signals | number | null;
    });
    this.ready = Promise.race([once(this.#child, 'message').then(() => true), this.exited.then(() => false)]);
  }

  get output(): string {
    return this.#lines.join('');
  }

  /** Resident memory now and at its highest, in MiB; zeroes when it has ended. */
  get memory(): { readonly now: number; readonly peak: number } {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
      const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'mu').exec(status)?.[1]) / 1024;
      return { now: of('VmRSS'), peak: of('VmHWM') };
    } catch {
      return { now: 0, peak: 0 };
    }
  }

  /** One at a time, when it is ready. Undefined when the process ended without an answer. */
  async ask(request: Request): Promise<Reply | undefined> {
    const reply = once(this.#child, 'message').then(([message]) => message as Reply);
    this.#child.send(request, () => undefined);
    return Promise.race([reply, this.exited.then(() => undefined)]);
  }

  signal(name: NodeJS.Signals): void {
    if (!this.hasExited) this.#child.kill(name);
  }

  async end(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }
}
