import { strict as assert } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('worker.ts', import.meta.url));
const WITHIN_MS = 20_000;

/** `worker.ts`, as a unit or a pod starts it. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown[]>;
  readonly #urls: Promise<{ readonly health: string; readonly metrics: string }>;

  constructor(role: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn(process.execPath, ['--import', 'tsx', PROGRAM], {
      env: { ...env, ROLE: role, HEALTH_PORT: '0', METRICS_PORT: '0' },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#exited = once(this.#child, 'exit');
    this.#urls = once(this.#child, 'message').then(([urls]) => urls as { health: string; metrics: string });
  }

  /** Polls until all of these paths answer so. */
  async answers(probes: readonly string[], status: number): Promise<void> {
    const { health } = await Promise.race([this.#urls, this.#exited.then(() => Promise.reject(new Error('a worker ended')))]);
    const deadline = performance.now() + WITHIN_MS;
    for (;;) {
      const codes = await Promise.all(probes.map(async (path) => (await fetch(`${health}${path}`)).status));
      if (codes.every((code) => code === status)) return;
      assert.ok(performance.now() < deadline, `${probes.join(' ')} answered ${codes.join(' ')}`);
      await wait(50);
    }
  }

  async metrics(path: string): Promise<string> {
    return (await fetch(`${(await this.#urls).metrics}${path}`)).text();
  }

  async terminate(): Promise<void> {
    this.#child.kill('SIGTERM');
    assert.deepEqual(await this.#exited, [0, null]);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
