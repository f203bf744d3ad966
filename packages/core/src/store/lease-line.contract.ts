import { describe, expect, it } from 'vitest';
import type { ActiveJob, Verdict } from '../engine/engine.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { suiteEngine, work } from '../testing/with-engine.ts';
import { CALLER_KEPT_MS, leaseMessage, type LeaseRequest } from './leases.ts';
import { createStores } from './stores.ts';

const LONG_MS = 60_000;

/** Jobs, and callers that are no jobs, who stand in line for a place. */
export function leaseLineContract(test: TestEngine): void {
  const engine = suiteEngine(test);
  const { leases } = createStores(engine.storeServer);

  const ownerOf = ({ id, queue }: { readonly id: string; readonly queue: string }): string => `${id}@${queue}`;
  const ask = (key: string, owner: string, rest: Partial<LeaseRequest> = {}) => leases.acquire({ key, owner, ttlMs: LONG_MS, ...rest });
  const askFor = (key: string, job: { readonly id: string; readonly queue: string }, rest: Partial<LeaseRequest> = {}) =>
    ask(key, ownerOf(job), { wait: { job: { id: job.id, queue: job.queue } }, ...rest });

  async function hold(key: string, owner: string, rest: Partial<LeaseRequest> = {}) {
    const acquired = await ask(key, owner, rest);
    if (acquired.kind !== 'held') throw new Error(`${key} is taken`);
    return { key, owner, fence: acquired.fence, slots: rest.slots ?? 1 };
  }

  async function add(queue: string, id: string, rest: { readonly priority?: number; readonly delayMs?: number } = {}): Promise<void> {
    await engine.add(queue, { id, name: 'job', data: '{}', timestamp: Date.now(), ...rest });
  }

  /** A job that has asked in vain and waits, delayed. */
  async function parked(key: string, queue: string, id: string, priority?: number): Promise<void> {
    await add(queue, id, { delayMs: LONG_MS, ...(priority === undefined ? {} : { priority }) });
    expect(await askFor(key, { id, queue })).toMatchObject({ kind: 'taken', waiting: true });
  }

  const stateOf = async (queue: string, id: string): Promise<string | undefined> => (await engine.find(queue, id))?.state;

  /** Puts a job back that was refused, as a worker does. */
  function parking(key: string, job: ActiveJob, delayMs = LONG_MS): Verdict {
    return { kind: 'putBack', delayMs, move: (token) => leases.park({ place: { key, owner: ownerOf(job) }, job, token, delayMs }) };
  }

  describe('a line of jobs', () => {
    it('is served in its order, by one store operation each: the job is promoted to the head of its queue', async () => {
      const [key, queue] = [uniqueName('key'), uniqueName('queue')];
      const holder = await hold(key, 'holder');
      for (const id of ['one', 'two']) await parked(key, queue, id);
      await add(queue, 'other');
      expect(await leases.release(holder)).toBe(true);
      expect(await stateOf(queue, 'one')).toBe('waiting');
      expect(await stateOf(queue, 'two')).toBe('delayed');
      expect((await ask(key, 'overtaker')).kind).toBe('taken');
      const order: string[] = [];
      await work(engine, queue, async (job) => {
        order.push(job.id);
        const acquired = job.id === 'other' ? undefined : await askFor(key, job);
        if (acquired?.kind === 'held') await leases.release({ key, owner: ownerOf(job), fence: acquired.fence });
        return { kind: 'complete', value: acquired?.kind };
      });
      await until('all have run', async () => (await stateOf(queue, 'two')) === 'completed' && order.length === 3);
      expect(order).toEqual(['one', 'two', 'other']);
      expect((await engine.findMany(['one', 'two'].map((id) => ({ queue, id })))).map((job) => job?.returnValue)).toEqual(['held', 'held']);
      expect((await ask(key, 'later')).kind).toBe('held');
    });

    it('keeps the place of a job that is still active when its turn comes: it is not parked, and nobody overtakes it', async () => {
      const [key, queue] = [uniqueName('key'), uniqueName('queue')];
      const holder = await hold(key, 'holder');
      const [asked, goOn] = [new Gate(), new Gate()];
      const answers: string[] = [];
      await work(engine, queue, async (job) => {
        const { kind } = await askFor(key, job);
        answers.push(kind);
        if (kind === 'held') return { kind: 'complete', value: null };
        asked.open();
        await goOn.pass();
        return parking(key, job);
      });
      await add(queue, 'job');
      await asked.opened;
      await leases.release(holder);
      expect((await ask(key, 'overtaker')).kind).toBe('taken');
      goOn.open();
      await until('it has run', async () => (await stateOf(queue, 'job')) === 'completed');
      expect(answers).toEqual(['taken', 'held']);
    });

    it('parks a job whose turn has not come, uses no attempt, and wakes it when it is due', async () => {
      const [key, queue] = [uniqueName('key'), uniqueName('queue')];
      await hold(key, 'holder', { ttlMs: 400 });
      const starts: number[] = [];
      await work(engine, queue, async (job) => {
        starts.push(job.attemptsMade);
        const answer = await askFor(key, job);
        return answer.kind === 'held' ? { kind: 'complete', value: null } : parking(key, job, answer.retryInMs);
      });
      await add(queue, 'job');
      await until('it has run', async () => (await stateOf(queue, 'job')) === 'completed');
      expect(starts.length).toBeGreaterThan(1);
      expect(new Set(starts)).toEqual(new Set([0]));
    });

    it('passes over who was removed, has ended, or has been forgotten', async () => {
      const [key, queue] = [uniqueName('key'), uniqueName('queue')];
      const holder = await hold(key, 'holder');
      for (const id of ['removed', 'ended', 'left', 'last']) await parked(key, queue, id);
      await (await engine.queue(queue).getJob('removed'))?.remove();
      expect(await engine.end({ queue, id: 'ended' }, (data) => data, 'not wanted')).toBe('ended');
      await leases.leave({ key, owner: ownerOf({ queue, id: 'left' }) });
      await leases.release(holder);
      expect(await stateOf(queue, 'last')).toBe('waiting');
      expect(await stateOf(queue, 'left')).toBe('delayed');
      expect((await ask(key, ownerOf({ queue, id: 'last' }))).kind).toBe('held');
    });

    it('goes on when who was handed the place gives it up', async () => {
      const [key, queue] = [uniqueName('key'), uniqueName('queue')];
      const holder = await hold(key, 'holder');
      for (const id of ['one', 'two']) await parked(key, queue, id);
      await leases.release(holder);
      await leases.leave({ key, owner: ownerOf({ queue, id: 'one' }) });
      expect(await stateOf(queue, 'two')).toBe('waiting');
    });

    it('puts priority first', async () => {
      const [key, queue] = [uniqueName('key'), uniqueName('queue')];
      const holder = await hold(key, 'holder');
      await parked(key, queue, 'low', 9);
      await parked(key, queue, 'high', 1);
      await leases.release(holder);
      expect([await stateOf(queue, 'high'), await stateOf(queue, 'low')]).toEqual(['waiting', 'delayed']);
    });

    it('is served before who comes when a lease has ended', async () => {
      const [key, queue] = [uniqueName('key'), uniqueName('queue')];
      await hold(key, 'dead', { ttlMs: 500 });
      await parked(key, queue, 'first');
      await until('the lease has ended', async () => {
        expect((await ask(key, 'newcomer')).kind).toBe('taken');
        return (await stateOf(queue, 'first')) === 'waiting';
      });
    });

    it('tells each when to look again: the first when the lease ends, who stands behind when those before have had their time', async () => {
      const [key, queue] = [uniqueName('key'), uniqueName('queue')];
      const slots = 2;
      for (const owner of ['a', 'b']) await hold(key, owner, { slots });
      const due: number[] = [];
      for (const id of ['1', '2', '3', '4', '5']) {
        const answer = await askFor(key, { queue, id }, { slots });
        if (answer.kind === 'taken') due.push(Math.round(answer.retryInMs / LONG_MS));
      }
      expect(due).toEqual([1, 1, 2, 2, 3]);
    });

    it('refuses for good when the time to wait is over, counted from the first time that it asked', async () => {
      const [key, queue] = [uniqueName('key'), uniqueName('queue')];
      await hold(key, 'holder');
      const job = { queue, id: 'job' };
      const asked = () => askFor(key, job, { wait: { job, forMs: 80 } });
      const first = await asked();
      expect(first).toMatchObject({ kind: 'taken', waiting: true });
      if (first.kind === 'taken') expect(first.retryInMs).toBeLessThanOrEqual(80);
      await until('it is refused', async () => {
        const answer = await asked();
        return answer.kind === 'taken' && !answer.waiting;
      });
    });

    it('lets go on a job whose worker has lost it meanwhile', async () => {
      const [key, queue] = [uniqueName('key'), uniqueName('queue')];
      await add(queue, 'job');
      await leases.park({ place: { key, owner: 'job' }, job: { queue, id: 'job' }, token: 'not-its-token', delayMs: LONG_MS });
      expect(await stateOf(queue, 'job')).toBe('waiting');
    });
  });

  describe('a caller in line', () => {
    it('is told by a broadcast, and has its place then', async () => {
      const key = uniqueName('key');
      const heard: string[] = [];
      const stop = await engine.onBroadcast(
        (message) => heard.push(message),
        () => undefined,
      );
      const holder = await hold(key, 'holder');
      expect(await ask(key, 'caller', { wait: {} })).toMatchObject({ kind: 'taken', waiting: true });
      await leases.release(holder);
      await until('it is told', () => heard.includes(leaseMessage('caller')));
      expect((await ask(key, 'overtaker')).kind).toBe('taken');
      expect((await ask(key, 'caller')).kind).toBe('held');
      stop();
    });

    it('is given a place for a short time only, in case it is gone', async () => {
      const key = uniqueName('key');
      const holder = await hold(key, 'holder');
      await ask(key, 'gone', { wait: {} });
      await leases.release(holder);
      const refused = await ask(key, 'next');
      if (refused.kind === 'held') throw new Error('it has been overtaken');
      expect(refused.retryInMs).toBeLessThanOrEqual(CALLER_KEPT_MS);
    });
  });
}
