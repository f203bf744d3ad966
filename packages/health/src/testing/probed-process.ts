import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '@oxbow/faults';
import { deleteApp, uniqueName, type TestEngine } from '@oxbow/faults/suite';
import { onTestFinished } from 'vitest';
import type { Order, ProbedConfig } from './probed.fixture.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/testing/probed.fixture.js', import.meta.url));
const CLI = fileURLToPath(new URL('../../dist/oxbow-health.js', import.meta.url));
const CLOCK = fileURLToPath(import.meta.resolve('@oxbow/faults/shifted-clock'));

interface Message {
  readonly address?: string;
  readonly running?: true;
}

interface ProbedOptions {
  readonly eventLoopLimitMs?: number;
  readonly clockShiftMs?: number;
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly ms: number;
}

/** A pod: a process of its own with a worker and a server for probes. Killed when the test ends. */
export class ProbedProcess {
  readonly app: string;
  readonly path: string;
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #messages: Message[] = [];

  private constructor(config: ProbedConfig, clockShiftMs = 0) {
    this.app = config.app;
    this.path = config.path;
    this.#child = spawn(process.execPath, [...(clockShiftMs === 0 ? [] : ['--import', CLOCK]), PROGRAM], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, OXBOW_FIXTURE: JSON.stringify(config), OXBOW_CLOCK_SHIFT_MS: String(clockShiftMs) },
    });
    this.#child.on('message', (message) => this.#messages.push(message as Message));
    this.exited = once(this.#child, 'exit').then(([code]) => code as number | null);
  }

  static async started(engine: TestEngine, { eventLoopLimitMs, clockShiftMs }: ProbedOptions = {}): Promise<ProbedProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'oxbow-health-'));
    const probed = new ProbedProcess(
      {
        app: uniqueName(),
        url: engine.url,
        path: join(folder, 'health.sock'),
        ...(eventLoopLimitMs === undefined ? {} : { eventLoopLimitMs }),
      },
      clockShiftMs,
    );
    onTestFinished(async () => {
      probed.#child.kill('SIGKILL');
      await probed.exited;
      await rm(folder, { recursive: true, force: true });
      await deleteApp(engine, probed.app);
    });
    await until('it listens', () => probed.#messages[0]?.address);
    return probed;
  }

  get hasRun(): boolean {
    return this.#messages.some(({ running }) => running);
  }

  /** The status code; undefined when there was no answer in time. */
  async get(probe: string, timeoutMs = 10_000): Promise<{ readonly code?: number; readonly body?: Record<string, unknown> }> {
    try {
      const answer = await fetch(`${this.#messages[0]?.address ?? ''}/${probe}`, { signal: AbortSignal.timeout(timeoutMs) });
      return { code: answer.status, body: (await answer.json()) as Record<string, unknown> };
    } catch {
      return {};
    }
  }

  tell(order: Order): void {
    this.#child.send(order);
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }
}

/** `oxbow-health`, as an exec probe runs it. */
export async function execProbe(...args: readonly string[]): Promise<Ended> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output, ms: performance.now() - startedAt };
}
