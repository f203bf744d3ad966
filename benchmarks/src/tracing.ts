/**
 * What `@oxbow/tracing` costs a job: `node benchmarks/dist/tracing.js <url> [runs]`, by hand. Medians; sides take turns, each in a process of
 * its own. Prints a table, which docs/decisions/0022-tracing.md has.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { chain, createApp, type App } from '@oxbow/core';
import { tracing } from '@oxbow/tracing';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { AlwaysOffSampler, AlwaysOnSampler, BasicTracerProvider, BatchSpanProcessor, type Sampler } from '@opentelemetry/sdk-trace-base';

const JOBS = 8000;
const CHAINS = 100;
const STEPS = 5;

type Side = 'without' | 'no SDK' | 'SDK, no sample' | 'SDK';
const SIDES: readonly Side[] = ['without', 'no SDK', 'SDK, no sample', 'SDK'];

const [url = 'redis://127.0.0.1:6379', runsGiven = '5', only] = process.argv.slice(2);
if (only === undefined) compare(Number(runsGiven));
else console.log(JSON.stringify(await measure(only as Side, `tracing-${process.pid}-${Date.now().toString(36)}`)));

type Figures = Readonly<Record<'enqueueUs' | 'runUs' | 'perSecond' | 'chainsMs', number>>;

function compare(runs: number): void {
  const measured = new Map<Side, Figures[]>(SIDES.map((side) => [side, []]));
  for (let run = 0; run < runs; run++)
    for (const side of SIDES) {
      const text = execFileSync(process.execPath, [fileURLToPath(import.meta.url), url, '1', side], { encoding: 'utf8' });
      measured.get(side)?.push(JSON.parse(text) as Figures);
    }
  for (const [side, all] of measured) {
    const medians = (['enqueueUs', 'runUs', 'perSecond', 'chainsMs'] as const).map((name) => [
      name,
      Math.round(median(all.map((one) => one[name]))),
    ]);
    console.log(side.padEnd(16), JSON.stringify(Object.fromEntries(medians)));
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function measure(side: Side, name: string): Promise<Figures> {
  const provider = side.startsWith('SDK') ? register(side === 'SDK' ? new AlwaysOnSampler() : new AlwaysOffSampler()) : undefined;
  const bare = createApp({ name, url, logLevel: 'silent', retention: { succeeded: { count: 100 } } });
  const app = side === 'without' ? bare : bare.use(tracing());
  const noop = app.task('noop', { run: () => null });
  const step = app.task('step', { queue: 'steps', run: (n: number) => n + 1 });
  await noop.enqueue();
  const adding = cpu();
  for (let n = 0; n < JOBS; n += 100) await Promise.all(Array.from({ length: 100 }, () => noop.enqueue()));
  const enqueueUs = adding() / JOBS;
  const done = succeeded(app, 'noop', JOBS + 1);
  const [working, began] = [cpu(), performance.now()];
  const worker = app.worker({ queues: { default: 10, steps: 10 } });
  await worker.start();
  await done;
  const [runUs, seconds] = [working() / JOBS, (performance.now() - began) / 1000];
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: CHAINS }, async (_, n) => {
      const [first, ...rest] = Array.from({ length: STEPS }, () => step.s());
      await (await chain(first as never, ...(rest as never[])).enqueue(n as never)).result();
    }),
  );
  const chainsMs = performance.now() - startedAt;
  await worker.drain();
  await provider?.shutdown();
  for (const queue of ['default', 'steps']) await app.queue(queue).obliterate({ force: true });
  await app.close();
  return { enqueueUs, runUs, perSecond: JOBS / seconds, chainsMs };
}

/** As an application does; what is exported is dropped. */
function register(sampler: Sampler): BasicTracerProvider {
  const exporter = {
    export: (_: unknown, ended: (result: { readonly code: number }) => void) => ended({ code: 0 }),
    shutdown: () => Promise.resolve(),
  };
  const provider = new BasicTracerProvider({ sampler, spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: 100_000 })] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return provider;
}

function succeeded(app: App, task: string, count: number): Promise<void> {
  let seen = 0;
  return new Promise((resolve) => {
    app.on('task:succeeded', (signal) => {
      if (signal.task === task && ++seen === count) resolve();
    });
  });
}

/** µs of CPU of this process since the call. */
function cpu(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
}
