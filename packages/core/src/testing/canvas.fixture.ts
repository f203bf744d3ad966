/** A process with one worker that runs canvases, for tests that kill it. Its orders are in OXBOW_FIXTURE. */
import { appendFileSync } from 'node:fs';
import { createApp } from '../app.ts';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import type { FixtureConfig, FixtureMessage } from './fixture-process.ts';

const config = JSON.parse(process.env['OXBOW_FIXTURE'] ?? '{}') as FixtureConfig;
const { queue } = config;
const write = (word: string, about: unknown): void => appendFileSync(config.ledger, `${word} ${String(about)}\n`);

const app = createApp({ name: config.app, url: config.url, logLevel: 'error' });

const draw = app.task('draw', {
  queue,
  /** Random, so that a value that is drawn twice shows. */
  run: () => Math.floor(Math.random() * 1e9),
});
const copy = app.task('copy', { queue, run: (value: unknown) => value });
const large = app.task('large', { queue, run: () => ({ drawn: Math.random(), text: 'x'.repeat(10_000) }) });
const drawn = app.task('drawn', { queue, run: (value: { readonly drawn: number }) => value.drawn });
const same = app.task('same', {
  queue,
  run: (values: readonly unknown[]) => {
    write('joined', JSON.stringify(values));
    if (new Set(values).size !== 1) throw new Error(`Different values of one draw: ${JSON.stringify(values)}`);
    return values[0];
  },
});
const swap = app.task('swap', { queue, run: (_: unknown, ctx) => ctx.replace(chain(draw.si(), group(copy.s(), copy.s()), same.s())) });
const fail = app.task('fail', { queue, run: () => Promise.reject(new RangeError('as planned')) });
const alarm = app.task('alarm', { queue, run: (_: unknown, ctx) => write('alarm', ctx.id) });
const spawn = app.task('spawn', {
  queue,
  run: async (_: unknown, ctx) => {
    const { id } = await ctx.enqueue(draw);
    write('spawned', id);
    return id;
  },
});

/** Every way in which one job leads to another. */
const canvases = [
  chain(draw.si(), group(copy.s(), copy.s().pipe(copy.s())), same.s(), copy.s()),
  chain(large.si(), group(drawn.s(), drawn.s(), drawn.s()), same.s()),
  chain(swap.si(undefined), copy.s()),
  chord([spawn.si(undefined), spawn.si(undefined)], copy.s()),
  chain(draw.si(), group(Array.from({ length: 1200 }, () => copy.s())), same.s()),
] as const;

const tell = (message: FixtureMessage): void => void process.send?.(message);

process.on('message', (request: { readonly watch: string }) => void watch(request.watch));
process.channel?.unref();

async function watch(id: string): Promise<void> {
  const code = await app
    .run(id)
    .result()
    .then(
      () => undefined,
      (error: unknown) => (error as { readonly code: string }).code,
    );
  tell({ name: 'run-ended', id, ...(code === undefined ? {} : { code }) });
}

if (config.begin === true) {
  for (const canvas of canvases) write('run', (await canvas.enqueue()).id);
  write(
    'failing',
    (
      await chord([fail.si(undefined), copy.si(1)], copy.s())
        .onError(alarm.s())
        .enqueue()
    ).id,
  );
}
if (config.cancel === true) {
  const run = await chain(draw.si(), copy.s()).enqueue();
  write('cancelled', run.id);
  await run.cancel();
} else {
  await app.worker({ queues: { [queue]: config.concurrency ?? 5 }, lockDuration: config.lockDuration ?? 1000 }).run();
}
