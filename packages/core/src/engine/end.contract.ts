import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { temporaryFolder } from '../testing/fixture-process.ts';
import { fixtureProgram } from '../testing/fixture-program.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import { flowJob, openEngine, suiteEngine, toVerdict, work } from '../testing/with-engine.ts';
import type { JobEvent, JobPlace } from './engine.ts';

export function endContract(test: TestEngine): void {
  const engine = suiteEngine(test);
  const over = (stored: unknown): unknown => ({ stored, over: '\0' });
  const end = (queue: string, id: string): Promise<string> => engine.end({ queue, id }, over, 'cancelled');

  describe('a job that is ended', () => {
    it.each([
      ['waits', {}],
      ['is delayed', { delayMs: 60_000 }],
      ['has a priority', { priority: 5 }],
    ] as const)('is failed and was never started, when it %s', async (_, rest) => {
      const queue = uniqueName('q');
      await engine.addFlow([
        flowJob(queue, 'before'),
        flowJob(queue, 'it', { ...rest, data: '{"n":12345678901234567890.5}' }),
        flowJob(queue, 'after'),
      ]);
      expect(await end(queue, 'it')).toBe('ended');
      expect(await engine.find(queue, 'it')).toMatchObject({
        state: 'failed',
        failedReason: 'cancelled',
        attemptsStarted: 0,
        processedOn: undefined,
        data: { stored: { n: Number('12345678901234567890.5') }, over: '\0' },
      });
      const started: string[] = [];
      await work(engine, queue, (job) => {
        started.push(job.id);
        return toVerdict(job);
      });
      await until('the others have run', () => started.length === 2);
      expect(started).toEqual(['before', 'after']);
    });

    it('may be in a queue that is paused', async () => {
      const queue = uniqueName('q');
      await engine.queue(queue).pause();
      await engine.addFlow([flowJob(queue, 'it')]);
      expect(await end(queue, 'it')).toBe('ended');
      expect((await engine.find(queue, 'it'))?.state).toBe('failed');
    });

    it('is told to whoever watches its queue', async () => {
      const queue = uniqueName('q');
      const events: JobEvent[] = [];
      engine.feed.listen({ event: (event) => events.push(event), gap: () => undefined });
      await engine.feed.watch(queue);
      await engine.addFlow([flowJob(queue, 'it')]);
      await end(queue, 'it');
      const failed = await until('the event', () => events.find(({ name }) => name === 'failed'));
      expect([failed.jobId, failed.fields['failedReason']]).toEqual(['it', 'cancelled']);
      expect(events.map(({ name }) => name)).not.toContain('active');
      engine.feed.unwatch(queue);
    });

    it('releases its join, or counts as an end', async () => {
      const queue = uniqueName('q');
      const [strict, lenient] = [
        { queue, id: 'strict' },
        { queue, id: 'lenient' },
      ];
      await engine.addFlow([
        flowJob(queue, 'strict', { parked: true, delayMs: 0 }),
        flowJob(queue, 's1', { parent: strict }),
        flowJob(queue, 's2', { parent: strict, delayMs: 60_000 }),
        flowJob(queue, 'lenient', { parked: true }),
        flowJob(queue, 'l1', { parent: lenient, onFailure: 'ignore' }),
        flowJob(queue, 'l2', { parent: lenient, onFailure: 'ignore', delayMs: 60_000 }),
      ]);
      expect([await end(queue, 's1'), await end(queue, 'l1')]).toEqual(['ended', 'ended']);
      expect(await engine.failedChildren(strict)).toEqual([{ queue, id: 's1', reason: 'cancelled' }]);
      expect(await engine.failedChildren(lenient)).toEqual([{ queue, id: 'l1', reason: 'cancelled' }]);
      const states = async () => (await engine.findMany([strict, lenient])).map((job) => job?.state);
      expect(await states()).toEqual(['waiting', 'waiting-children']);
      await end(queue, 'l2');
      expect(await states()).toEqual(['waiting', 'waiting']);
    });

    it('is changed by nobody when it runs, waits for children, has ended, or is not there', async () => {
      const [queue, other] = [uniqueName('q'), uniqueName('q')];
      const join = { queue: other, id: 'join' };
      await engine.addFlow([
        flowJob(other, 'join', { parked: true }),
        flowJob(queue, 'a'),
        flowJob(queue, 'fails'),
        flowJob(queue, 'runs', { parent: join }),
      ]);
      const gate = new Gate();
      await work(engine, queue, async (job) => {
        if (job.id === 'runs') await gate.pass();
        return toVerdict(job);
      });
      await until('it runs', () => gate.arrived === 1);
      const places: JobPlace[] = [{ queue, id: 'runs' }, join, { queue, id: 'a' }, { queue, id: 'fails' }, { queue, id: 'unknown' }];
      const before = await engine.findMany(places);
      expect(await Promise.all(places.map((place) => engine.end(place, over, 'cancelled')))).toEqual([
        'active',
        'parked',
        'final',
        'final',
        'unknown',
      ]);
      expect(await engine.findMany(places)).toEqual(before);
      gate.open();
      await until('it has ended', async () => (await engine.find(queue, 'runs'))?.state === 'completed');
    });

    it('ends once, however many ask for it', async () => {
      const queue = uniqueName('q');
      await engine.addFlow([flowJob(queue, 'it')]);
      const ends = await Promise.all(Array.from({ length: 5 }, () => end(queue, 'it')));
      expect(ends.filter((one) => one === 'ended')).toHaveLength(1);
      expect((await engine.find(queue, 'it'))?.data).toEqual({ stored: {}, over: '\0' });
    });

    it('is ended with what it has then, when its data changes meanwhile', async () => {
      const queue = uniqueName('q');
      await engine.addFlow([flowJob(queue, 'it', { data: '{"n":1}' })]);
      const seen: unknown[] = [];
      const job = await engine.queue(queue).getJob('it');
      let change: Promise<void> | undefined;
      const ended = await engine.end(
        { queue, id: 'it' },
        (stored) => {
          seen.push(stored);
          change ??= job?.updateData({ n: 2 });
          return stored;
        },
        'cancelled',
      );
      await change;
      expect(ended).toBe('ended');
      expect(seen[0]).toEqual({ n: 1 });
      // On a connection of its own the change may come too late.
      if (seen.length > 1) expect((await engine.find(queue, 'it'))?.data).toEqual({ n: 2 });
    });

    it('either runs or is ended, never both', async () => {
      const queue = uniqueName('q');
      const ids = Array.from({ length: 100 }, (_, n) => `j${n}`);
      const started: string[] = [];
      await work(engine, queue, (job) => {
        started.push(job.id);
        return toVerdict(job);
      });
      await engine.addFlow(ids.map((id) => flowJob(queue, id)));
      const ends = await Promise.all(ids.toReversed().map(async (id) => ({ id, how: await end(queue, id) })));
      const ended = ends.filter(({ how }) => how === 'ended').map(({ id }) => id);
      await until('the others have run', () => started.length + ended.length >= ids.length);
      expect(started.length + ended.length).toBe(ids.length);
      expect(new Set([...started, ...ended])).toEqual(new Set(ids));
    });

    it('starts with its new data when the process dies in the middle', { timeout: 60_000 }, async () => {
      const app = uniqueName();
      const url = test.kind === 'embedded' ? `embedded:${await temporaryFolder()}` : test.url;
      if (test.kind !== 'embedded') onTestFinished(() => deleteKeys(test.url, app));
      const first = openEngine(url, app);
      await first.addFlow([flowJob('q', 'it', { data: '{"n":1}' })]);
      await first.close();
      const child = spawn(process.execPath, [fixtureProgram('end'), url, app, 'q', 'it'], {
        env: { ...process.env, OXBOW_CRASHPOINT: 'end-taken-before-failed' },
        stdio: 'inherit',
      });
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
      const second = openEngine(url, app);
      onTestFinished(() => second.close());
      expect(await second.find('q', 'it')).toMatchObject({ data: { stored: { n: 1 }, over: true } });
      const found: unknown[] = [];
      await work(
        second,
        'q',
        (job) => {
          found.push(job.data);
          return toVerdict(job);
        },
        { lockDurationMs: 2000 },
      );
      await until('it has started', () => found.length === 1);
      expect(found).toEqual([{ stored: { n: 1 }, over: true }]);
    });
  });
}
