import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { IsolatedTaskDiedError } from '../errors.ts';
import type { Isolation } from '../task/definition.ts';
import type { FromChild, ToChild } from './messages.ts';
import { fromSentError } from './sent-error.ts';

/** From the spawn to the end of the module's import. */
const START_MS = 30_000;
/** A child that was asked to end, or killed, is not waited for any longer. */
const END_MS = 1000;

const here = import.meta.url;
/** From sources (our tests) children need the loader that their parent may have in another form. */
const fromSources = here.endsWith('.ts');
const entry = new URL(fromSources ? './child-main.ts' : './child-main.js', here);

interface Spawned {
  readonly name: string;
  readonly handle: ChildProcess | Worker;
  send(message: ToChild): void;
  /** Cannot be caught, and stops an endless loop. */
  kill(): void;
  hold(held: boolean): void;
}

/** Who a child belongs to for now. */
export interface ChildListener {
  readonly message: (message: FromChild) => void;
  readonly died: (error: IsolatedTaskDiedError) => void;
}

/** One process or thread that runs handlers, one at a time. */
export class Child {
  /** Which of them may take the place of one another. */
  readonly key: string;
  readonly exited: Promise<void>;
  readonly #spawned: Spawned;
  #listener: ChildListener | undefined;
  #alive = true;
  #killed = false;

  private constructor(isolation: Isolation) {
    this.key = keyOf(isolation);
    const spawned = isolation.kind === 'process' ? spawnProcess() : spawnThread();
    this.#spawned = spawned;
    const { handle, name } = spawned;
    let cause: unknown;
    handle.on('message', (message) => this.#listener?.message(message as FromChild));
    handle.on('error', (error) => (cause = error));
    this.exited = new Promise((resolve) => {
      handle.once('exit', (exitCode: number | null, signal?: NodeJS.Signals | null) => {
        this.#alive = false;
        this.#listener?.died(died(name, { exitCode: exitCode ?? undefined, signal: signal ?? undefined, cause }));
        resolve();
      });
    });
  }

  /** Resolves when the module has been loaded. @throws what that threw; IsolatedTaskDiedError */
  static async start(isolation: Isolation, spawned: (child: Child) => void): Promise<Child> {
    const child = new Child(isolation);
    spawned(child);
    try {
      await child.#load(isolation.module);
      return child;
    } catch (error) {
      void child.kill();
      throw error;
    }
  }

  /** False once it has died, or is about to. */
  get isUsable(): boolean {
    return this.#alive && !this.#killed;
  }

  /** One listener at a time. */
  listen(listener: ChildListener | undefined): void {
    this.#listener = listener;
  }

  /** Nothing is sent to one that has died. */
  send(message: ToChild): void {
    if (this.#alive) this.#spawned.send(message);
  }

  /** Whether it keeps this process alive. */
  hold(held: boolean): void {
    if (this.#alive) this.#spawned.hold(held);
  }

  /** Resolves when it has ended, or when a thread does not for a second: native code cannot be stopped there. */
  async kill(): Promise<void> {
    this.#killed = true;
    this.#spawned.kill();
    await this.#exitedInTime();
  }

  /** One that does nothing. */
  async end(): Promise<void> {
    this.send({ kind: 'end' });
    if (!(await this.#exitedInTime())) await this.kill();
  }

  async #exitedInTime(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), END_MS)));
    const inTime = await Promise.race([this.exited.then(() => true), late]);
    clearTimeout(timer);
    return inTime;
  }

  #load(module: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const slow = new IsolatedTaskDiedError(`${module} was not loaded within ${START_MS} ms.`, {});
      const timer = setTimeout(() => reject(slow), START_MS);
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      this.listen({
        message: (message) => settle(message.kind === 'not-loaded' ? fromSentError(message.error) : undefined),
        died: settle,
      });
      this.send({ kind: 'load', module });
    });
  }
}

export function keyOf({ kind, module }: Isolation): string {
  return `${kind} ${module}`;
}

function spawnProcess(): Spawned {
  // A debugger's port is its parent's.
  const inherited = process.execArgv.filter((flag) => !flag.startsWith('--inspect'));
  const handle = fork(fileURLToPath(entry), [String(process.pid)], {
    execArgv: fromSources ? [...inherited, '--import', 'tsx'] : inherited,
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return {
    name: 'process',
    handle,
    // One that has just died is told of by its exit.
    send: (message) => void handle.send(message, () => undefined),
    kill: () => void handle.kill('SIGKILL'),
    hold: (held) => {
      if (held) handle.ref();
      else handle.unref();
      if (held) handle.channel?.ref();
      else handle.channel?.unref();
    },
  };
}

function spawnThread(): Spawned {
  const options = { name: 'oxbow-task' };
  const tsx = tsxOf(process.execArgv);
  const load = `import(${JSON.stringify(tsx)}).then((tsx) => (tsx.register(), import(${JSON.stringify(entry.href)})))`;
  const handle = tsx === undefined ? new Worker(entry, options) : new Worker(load, { ...options, eval: true });
  return {
    name: 'thread',
    handle,
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    send: (message) => handle.postMessage(message),
    kill: () => void handle.terminate(),
    hold: (held) => {
      if (held) handle.ref();
      else handle.unref();
    },
  };
}

const TSX = /(?:^|[=/])tsx(?<loader>\/dist\/loader\.mjs)?$/u;

/** With tsx, which a process inherits by its flags and a thread does not, where its API is. */
function tsxOf(flags: readonly string[]): string | undefined {
  const given = flags.map((flag) => ({ flag, groups: TSX.exec(flag)?.groups })).find(({ groups }) => groups !== undefined);
  if (given?.groups?.['loader'] !== undefined) return given.flag.replace(/^--import=/u, '').replace(/loader\.mjs$/u, 'esm/api/index.mjs');
  return given !== undefined || fromSources ? 'tsx/esm/api' : undefined;
}

interface Exit {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly cause: unknown;
}

function died(name: string, exit: Exit): IsolatedTaskDiedError {
  const { exitCode, signal, cause } = exit;
  const how =
    signal === undefined ? (exitCode === undefined ? 'could not be started' : `exited with code ${exitCode}`) : `was ended by ${signal}`;
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new IsolatedTaskDiedError(`The ${name} of the isolated task ${how}${why}`, exit);
}
