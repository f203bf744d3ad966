import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import type { TestEngine } from '../testing/engines.ts';
import { MemoryResults } from '../testing/memory-results.ts';
import { elsewhere, stages, withApp, type Stage } from '../testing/with-app.ts';
import { isReference } from './reference.ts';

const LARGE = 'ä'.repeat(50_000);
const BYTES = Buffer.from([0, 255, 1, 254, 128]);

export function resultsContract(engine: TestEngine): void {
  const store = new MemoryResults();
  const stage = stages(engine, { results: store });

  const returned = async ({ app, queue }: Stage, id: string): Promise<unknown> =>
    (await app.queue(queue).getJob(id.split('@')[0] ?? ''))?.returnvalue;

  describe('a result in the store', () => {
    it('is what a task returned that is over the limit; the engine has a reference', async () => {
      const at = stage();
      const { app, queue, name, work } = at;
      const big = app.task(name('big'), { queue, run: (input: string) => ({ input, text: LARGE }) });
      await work();
      const handle = await big.enqueue('a');
      expect(await handle.result()).toEqual({ input: 'a', text: LARGE });
      const reference = await returned(at, handle.id);
      expect(reference).toEqual({
        $oxr: 1,
        key: expect.stringContaining(`/${queue}/`),
        size: 100_023,
        sha256: expect.any(String),
        kind: 'json',
      });
      expect(JSON.stringify(reference).length).toBeLessThan(300);
      const far = elsewhere(engine, app, { results: store }).handle(handle.id);
      expect(await far.result()).toEqual({ input: 'a', text: LARGE });
      const stream = await far.resultStream();
      expect(stream).toMatchObject({ kind: 'json', size: 100_023 });
      expect(JSON.parse(await text(stream))).toEqual({ input: 'a', text: LARGE });
    });

    it('may have any number of keys', async () => {
      const { app, queue, name, work } = stage();
      const many = app.task(name('many'), { queue, run: (count: number) => Array.from({ length: count }, (_, key) => ({ key })) });
      await work();
      expect(await (await many.enqueue(20_000)).result()).toHaveLength(20_000);
    });

    it('costs a small result nothing', async () => {
      const { app, queue, name, work } = stage();
      const small = app.task(name('small'), { queue, run: () => ({ fine: true }) });
      await work();
      const before = store.kept.size;
      const handle = await small.enqueue();
      expect(await handle.result()).toEqual({ fine: true });
      expect(await text(await handle.resultStream())).toBe('{"fine":true}');
      expect(store.kept.size).toBe(before);
    });

    it.each([
      ['a Buffer', (): Buffer => BYTES],
      ['a Uint8Array', (): Uint8Array => new Uint8Array(BYTES)],
      ['a Readable', (): Readable => Readable.from([BYTES.subarray(0, 2), BYTES.subarray(2)])],
      ['a ReadableStream', (): ReadableStream => new Blob([new Uint8Array(BYTES)]).stream()],
      [
        'an async iterable',
        async function* (): AsyncGenerator<Uint8Array> {
          yield BYTES.subarray(0, 3);
          yield BYTES.subarray(3);
        },
      ],
    ])('is bytes that come as %s, whatever their size', async (what, run) => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('bytes'), { queue, run: run as () => Readable });
      await work();
      const handle = await task.enqueue();
      const result = await handle.result();
      expect([what, Buffer.isBuffer(result), result]).toEqual([what, true, BYTES]);
      const stream = await handle.resultStream();
      expect([stream.kind, stream.size, await buffer(stream)]).toEqual(['bytes', 5, BYTES]);
    });

    it('may be empty', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('empty'), { queue, run: () => Readable.from([]) });
      await work();
      expect(await (await task.enqueue()).result()).toEqual(Buffer.alloc(0));
    });

    it('is checked by the output schema before', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('checked'), {
        queue,
        output: z
          .string()
          .max(60_000)
          .transform((given) => `${given}!`),
        run: () => LARGE,
      });
      await work();
      expect(await (await task.enqueue()).result()).toBe(`${LARGE}!`);
    });
  });

  followers(engine, store, stage, returned);
}

function followers(
  engine: TestEngine,
  store: MemoryResults,
  stage: () => Stage,
  returned: (at: Stage, id: string) => Promise<unknown>,
): void {
  describe('what follows a stored result', () => {
    it('gets it, in a chain, merged, and under a key; the message has the reference', async () => {
      const at = stage();
      const { app, queue, name, work } = at;
      const big = app.task(name('big'), { queue, run: () => ({ text: LARGE }) });
      const length = app.task(name('length'), { queue, run: ({ text: given, add }: { text: string; add: number }) => given.length + add });
      const raw = app.task(name('raw'), { queue, run: () => Readable.from([BYTES]) });
      const hex = app.task(name('hex'), { queue, run: ({ file }: { file: Buffer }) => file.toString('hex') });
      await work();
      expect(await (await chain(big.s(), length.s({ add: 1 })).enqueue()).result()).toBe(50_001);
      const run = await chain(raw.s(), hex.s().receive('file')).enqueue();
      expect(await run.result()).toBe('00ff01fe80');
      const stored = JSON.stringify(await app.queue(queue).getJobs());
      expect(stored).not.toContain('ääää');
    });

    it('does not read it when it does not take it', async () => {
      const { app, queue, name, work } = stage();
      const big = app.task(name('big'), { queue, run: () => LARGE });
      const own = app.task(name('own'), { queue, run: (input: string) => input });
      await work();
      const before = store.read.length;
      expect(await (await chain(big.s(), own.si('mine')).enqueue()).result()).toBe('mine');
      expect(store.read.length).toBe(before);
    });

    it('gets those of a group, nested and settled', async () => {
      const { app, queue, name, work } = stage();
      const big = app.task(name('big'), { queue, run: (letter: string) => letter.repeat(70_000) });
      const fails = app.task(name('fails'), {
        queue,
        run: (): string => {
          throw new Error('no');
        },
      });
      const lengths = app.task(name('lengths'), { queue, run: (texts: readonly string[]) => texts.map((one) => `${one[0]}${one.length}`) });
      const shape = app.task(name('shape'), { queue, run: (list: readonly { status: string }[]) => list.map(({ status }) => status) });
      await work();
      expect(
        await (
          await chord(
            ['a', 'b'].map((letter) => big.si(letter)),
            lengths.s(),
          ).enqueue()
        ).result(),
      ).toEqual(['a70000', 'b70000']);
      const settled = chain(group([big.si('a'), fails.si(undefined)]).settle(), shape.s());
      expect(await (await settled.enqueue()).result()).toEqual(['succeeded', 'failed']);
      const run = await group(big.si('c'), big.si('d')).enqueue();
      expect(await run.result()).toEqual(['c'.repeat(70_000), 'd'.repeat(70_000)]);
      expect(await run.member([1]).result()).toBe('d'.repeat(70_000));
      expect(JSON.parse(await text(await run.resultStream()))).toHaveLength(2);
    });

    it('gets the list of a group that several members get', async () => {
      const at = stage();
      const { app, queue, name, work } = at;
      const big = app.task(name('big'), { queue, run: (letter: string) => letter.repeat(70_000) });
      const count = app.task(name('count'), { queue, run: (texts: readonly string[]) => texts.map(({ length }) => length) });
      await work();
      const run = await chain(group(big.si('a'), big.si('b')), group(count.s(), count.s())).enqueue();
      expect(await run.result()).toEqual([
        [70_000, 70_000],
        [70_000, 70_000],
      ]);
      expect(JSON.stringify(await app.queue(queue).getJobs())).not.toContain('aaaa');
    });

    it('gets it from what replaced the task, under its own name', async () => {
      const at = stage();
      const { app, queue, name, work } = at;
      const big = app.task(name('big'), { queue, run: () => LARGE });
      const replaced = app.task(name('replaced'), { queue, run: (_: undefined, ctx): string => ctx.replace(big.s()) });
      const length = app.task(name('length'), { queue, run: (given: string) => given.length });
      await work();
      expect(await (await chain(replaced.s(), length.s()).enqueue()).result()).toBe(50_000);
      const handle = await replaced.enqueue();
      expect(await handle.result()).toBe(LARGE);
      expect(await returned(at, handle.id)).toMatchObject({ key: expect.stringContaining(`/${handle.id.split('@')[0]}/`) });
    });

    it('gets it when the run is tried again', async () => {
      const { app, queue, name, work } = stage();
      let fails = true;
      const big = app.task(name('big'), { queue, run: () => LARGE });
      const length = app.task(name('length'), {
        queue,
        run: (given: string) => {
          if (fails) throw new Error('not yet');
          return given.length;
        },
      });
      await work();
      const run = await chain(big.s(), length.s()).enqueue();
      await expect(run.result()).rejects.toMatchObject({ cause: { message: 'not yet' } });
      fails = false;
      expect(await (await run.retryFailed()).result()).toBe(50_000);
    });

    it('is given to who comes with its idempotency key', async () => {
      const { app, queue, name, work } = stage();
      const big = app.task(name('big'), {
        queue,
        idempotency: { key: (input: string) => input },
        run: (input: string) => `${input}${LARGE}`,
      });
      await work();
      expect(await (await big.enqueue('k')).result()).toBe(`k${LARGE}`);
      const again = await big.enqueue('k');
      expect([again.replayed, await again.result()]).toEqual([true, `k${LARGE}`]);
    });
  });

  refusals(engine, store, stage, returned);
}

function refusals(
  engine: TestEngine,
  store: MemoryResults,
  stage: () => Stage,
  returned: (at: Stage, id: string) => Promise<unknown>,
): void {
  describe('a result that cannot be stored, or read', () => {
    it('fails the job by name, for good, without a store', async () => {
      const app = withApp(engine);
      const bytes = app.task('bytes', { queue: 'q', retry: { attempts: 3 }, idempotency: 'natural', run: () => Readable.from([BYTES]) });
      await app.worker({ queues: { q: 1 } }).start();
      const handle = await bytes.enqueue();
      await expect(handle.result()).rejects.toMatchObject({ cause: { code: 'result_store_required' } });
      expect(await handle.status()).toMatchObject({ status: 'failed', attempt: 1 });
    });

    it('is tried again when the store refuses; the stream’s own error is the task’s', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('bytes'), { queue, retry: { attempts: 2, backoff: () => 0 }, idempotency: 'natural', run: () => BYTES });
      const broken = app.task(name('broken'), {
        queue,
        run: async function* (): AsyncGenerator<Uint8Array> {
          yield BYTES;
          throw new Error('source dried up');
        },
      });
      const words = app.task(name('words'), { queue, run: () => Readable.from(['no', 'bytes']) });
      await work();
      store.refusals = 1;
      const handle = await task.enqueue();
      expect(await handle.result()).toEqual(BYTES);
      expect(await handle.status()).toMatchObject({ attempt: 2 });
      store.refusals = 2;
      await expect((await task.enqueue()).result()).rejects.toMatchObject({
        cause: { code: 'result_store_failed', message: expect.stringContaining('no space left') },
      });
      await expect((await broken.enqueue()).result()).rejects.toMatchObject({ cause: { message: 'source dried up' } });
      await expect((await words.enqueue()).result()).rejects.toMatchObject({ cause: { code: 'serialization' } });
    });

    it('is told apart: gone, corrupt, no store here', async () => {
      const at = stage();
      const { app, queue, name, work } = at;
      const task = app.task(name('bytes'), { queue, run: () => BYTES });
      await work();
      const handle = await task.enqueue();
      await handle.result();
      const { key } = (await returned(at, handle.id)) as { readonly key: string };
      const kept = store.kept.get(key);
      if (engine.kind !== 'embedded')
        await expect(elsewhere(engine, app).handle(handle.id).result()).rejects.toMatchObject({ code: 'result_store_required' });
      for (const wrong of [Buffer.from([0, 255, 1, 254, 129]), BYTES.subarray(1), Buffer.concat([BYTES, BYTES])]) {
        store.kept.set(key, { bytes: wrong, storedAt: new Date() });
        await expect(handle.result()).rejects.toMatchObject({ code: 'result_corrupt' });
        await expect(handle.resultStream().then(buffer)).rejects.toMatchObject({ code: 'result_corrupt' });
      }
      store.kept.delete(key);
      await expect(handle.result()).rejects.toMatchObject({ code: 'result_gone' });
      if (kept !== undefined) store.kept.set(key, kept);
      expect(await handle.result()).toEqual(BYTES);
    });

    it('is refused when it looks like a reference', async () => {
      const at = stage();
      const { app, queue, name, work } = at;
      const forger = app.task(name('forger'), { queue, run: () => ({ $oxr: 1, key: 'x/y', size: 1, sha256: '', kind: 'json' }) });
      await work();
      await expect((await forger.enqueue()).result()).rejects.toMatchObject({ cause: { code: 'serialization' } });
      expect(isReference(await returned(at, (await forger.enqueue()).id))).toBe(false);
    });

    it('of a stream ends with its job', async () => {
      const { app, queue, name, work } = stage();
      const endless = app.task(name('endless'), {
        queue,
        run: async function* (_: undefined, ctx): AsyncGenerator<Uint8Array> {
          yield BYTES;
          await ctx.setState('STREAMING' as never).catch(() => undefined);
          await new Promise(() => undefined);
        },
      });
      const worker = await work();
      const handle = await endless.enqueue();
      for await (const { status } of handle.changes()) if (status === 'started') break;
      await handle.cancel('enough');
      await expect(handle.result()).rejects.toMatchObject({ code: 'cancelled' });
      await worker.drain();
    });
  });
}
