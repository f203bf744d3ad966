import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { JobStatus } from '../client/status.ts';
import type { TestEngine } from './engines.ts';
import { fixtureProgram } from './fixture-program.ts';
import { until } from './until.ts';
import { deleteKeys, uniqueName } from './with-app.ts';

export { entries } from './ledger.ts';

/** What the fixture process does; see worker.fixture.ts for its tasks. */
export interface FixtureConfig {
  readonly app: string;
  readonly url: string;
  readonly queue: string;
  /** Handlers append a line here for all that happens, in one write. */
  readonly ledger: string;
  readonly concurrency?: number;
  readonly lockDuration?: number;
  readonly maxBlocked?: number;
  /** @defaultValue 'error' */
  readonly logLevel?: 'warn';
  readonly maxCrashes?: number;
  readonly connectTimeout?: number;
  readonly fleetLease?: number;
  readonly drain?: { readonly soft: number; readonly hard: number };
  /** Of its worker. */
  readonly startup?: 'throws';
  /** Adds jobs of `note` until so many are acknowledged in the ledger. */
  readonly produce?: number;
  /** Another task than `note`. */
  readonly produces?: 'guarded';
  /** Of canvas.fixture.ts: enqueues its canvases before its worker starts. */
  readonly begin?: boolean;
  /** Of dead-letters.fixture.ts: which tasks get `produce` jobs each. */
  readonly tasks?: readonly ('died' | 'once' | 'often' | 'poison')[];
  /** Of dead-letters.fixture.ts: replays all that is dead before its worker starts. */
  readonly replay?: boolean;
  /** Of dead-letters.fixture.ts: the run that it tries again. */
  readonly retry?: string;
  /** Of canvas.fixture.ts: enqueues a canvas, cancels it, and runs no worker. */
  readonly cancel?: boolean;
  /** Of retention.fixture.ts: enqueues a run and forgets it, instead of a job. */
  readonly forgets?: boolean;
  /** Of records.fixture.ts: more queues that it serves, and whose keys it settles. */
  readonly others?: readonly string[];
}

export type FixtureRequest =
  | { readonly enqueue: string; readonly input?: unknown }
  | { readonly watch: string }
  /** Takes `app.lock`, if it is free, and keeps it. */
  | { readonly lock: string; readonly ttl: number };

export interface FixtureMessage {
  /** A signal's name, `enqueued` or `ended`. */
  readonly name: string;
  readonly id?: string;
  readonly orphans?: readonly string[];
  readonly offsetMs?: number;
  readonly running?: number;
  /** Of `locked`, and of `leads`. */
  readonly fence?: number;
  /** Of `worker:blocked`. */
  readonly ms?: number;
  readonly jobs?: readonly { readonly id: string; readonly task: string }[];
  /** Of `ended`. */
  readonly status?: Omit<JobStatus, 'enqueuedAt'>;
  /** Of `run-ended`: the code of the error; undefined: it has succeeded. Of `leads-no-more`: of the reason. */
  readonly code?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface FixtureOptions {
  readonly imports?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** @defaultValue 'worker' */
  readonly fixture?: 'worker' | 'canvas' | 'records' | 'dead-letters' | 'leader' | 'retention';
}

const START_MS = 60_000;
const RUN_MS = 100_000;

/** A real process that runs a worker; killed when the test ends. */
export class FixtureProcess {
  readonly exited: Promise<Exit>;
  readonly messages: FixtureMessage[] = [];
  readonly #child: ChildProcess;
  #output = '';
  #hasExited = false;

  constructor(config: FixtureConfig, { imports = [], env = {}, fixture = 'worker' }: FixtureOptions = {}) {
    const flags = imports.flatMap((name) => ['--import', name]);
    this.#child = spawn(process.execPath, [...flags, fixtureProgram(fixture)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env, OXBOW_FIXTURE: JSON.stringify(config) },
    });
    this.#child.on('message', (message) => this.messages.push(message as FixtureMessage));
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', (text: Buffer) => (this.#output += text.toString()));
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.#hasExited = true;
      return { code, signal } as Exit;
    });
    onTestFinished(() => this.kill('SIGKILL').then(() => undefined));
  }

  /** Waits for a message, on a busy machine for a start-up of many seconds; rejects when the process ends without it. */
  async told(
    name: string,
    matches: (message: FixtureMessage) => boolean = () => true,
    withinMs: number = START_MS,
  ): Promise<FixtureMessage> {
    const look = (): FixtureMessage | undefined => {
      const found = this.messages.find((message) => message.name === name && matches(message));
      if (found === undefined && this.#hasExited) throw new Error(`The process ended without "${name}":\n${this.#output}`);
      return found;
    };
    return until(`${name} from the process`, look, withinMs);
  }

  get output(): string {
    return this.#output;
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Enqueues in the process; resolves to the public id. */
  async enqueue(task: string, input?: unknown): Promise<string> {
    const before = this.messages.filter(({ name }) => name === 'enqueued').length;
    this.#send({ enqueue: task, input });
    const message = await until('the job is enqueued', () => this.messages.filter(({ name }) => name === 'enqueued')[before]);
    return message.id ?? '';
  }

  /** Waits in the process until the job has ended. */
  async ended(id: string): Promise<NonNullable<FixtureMessage['status']>> {
    this.#send({ watch: id });
    const message = await this.told('ended', (one) => one.id === id);
    return message.status as NonNullable<FixtureMessage['status']>;
  }

  /** Waits in the process until the run has ended; the code of its error, undefined when it has succeeded. */
  async runEnded(id: string): Promise<string | undefined> {
    this.#send({ watch: id });
    return (await this.told('run-ended', (one) => one.id === id, RUN_MS)).code;
  }

  /** Takes a lock in the process, if it is free; its fence. */
  async lock(lock: string, ttl: number): Promise<number | undefined> {
    const answers = (): FixtureMessage[] => this.messages.filter(({ name }) => name === 'locked' || name === 'lock-refused');
    const before = answers().length;
    this.#send({ lock, ttl });
    return (await until('an answer to the lock', () => answers()[before])).fence;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(signal: NodeJS.Signals): Promise<Exit> {
    if (!this.#hasExited) this.#child.kill(signal);
    return this.exited;
  }

  #send(request: FixtureRequest): void {
    this.#child.send(request);
  }
}

/** An app of this test's own with a one-second lock; what it leaves on the server is deleted when the test ends. */
export async function fixtureConfig(engine: TestEngine, name: string): Promise<FixtureConfig> {
  const folder = await temporaryFolder();
  const app = uniqueName(name);
  if (engine.kind !== 'embedded') onTestFinished(() => deleteKeys(engine.url, app));
  return {
    app,
    queue: 'work',
    ledger: join(folder, 'ledger'),
    url: engine.kind === 'embedded' ? `embedded:${join(folder, 'data')}` : engine.url,
    lockDuration: 1000,
  };
}

/** A folder that goes with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'oxbow-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
