import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { SideName } from './sides.ts';

const MEASURE = fileURLToPath(new URL('measure.js', import.meta.url));

/** One measurement in a fresh process. @throws when it ends with anything but figures */
export async function runMeasure(
  name: string,
  side: SideName,
  url: string,
  app: string,
  size: number,
): Promise<Readonly<Record<string, number>>> {
  const child = launch([name, side, url, app, String(size)]);
  let out = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  const line = out.trim().split('\n').at(-1) ?? '';
  if (code !== 0 || !line.startsWith('{')) throw new Error(`${name} (${side}) ended with ${code}: ${out.slice(-500)}`);
  return JSON.parse(line) as Readonly<Record<string, number>>;
}

/** A canvas case on Celery, with Debian's Python. @throws when it ends with anything but a figure */
export async function runCelery(name: string, port: string, runs: number): Promise<{ readonly ms: number }> {
  const program = fileURLToPath(new URL('../celery/canvas.py', import.meta.url));
  const child = spawn('/usr/bin/python3', [program, name, port, String(runs)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${name} on Celery ended with ${code}: ${out.slice(-500)}`);
  return JSON.parse(out) as { readonly ms: number };
}

/** A worker in a process of its own, which runs until it is stopped. */
export async function startWorker(
  side: SideName,
  url: string,
  app: string,
  { kind = 'worker', concurrency = 10 }: { readonly kind?: 'worker' | 'stating-worker'; readonly concurrency?: number } = {},
): Promise<{ stop: () => Promise<void> }> {
  const child = launch([kind, side, url, app, String(concurrency)]);
  if (child.stdout !== null) await once(child.stdout, 'data');
  return {
    stop: async () => {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

function launch(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--expose-gc', MEASURE, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}
