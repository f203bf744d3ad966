import { describe, expect, it, onTestFinished } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import { flowJob, openEngine } from '../testing/with-engine.ts';
import type { Engine, JobEvent } from './engine.ts';

export function broadcastContract(test: TestEngine): void {
  /** Two processes of one app; an embedded engine has one. */
  function pair(): readonly [Engine, Engine] {
    const app = uniqueName();
    const near = openEngine(test.url, app);
    const far = test.kind === 'embedded' ? near : openEngine(test.url, app);
    onTestFinished(async () => {
      await near.close();
      await far.close();
      if (test.kind !== 'embedded') await deleteKeys(test.url, app);
    });
    return [near, far];
  }

  describe('a broadcast', () => {
    it('is heard by every listener in every process, in order, from the moment that it listens', async () => {
      const [near, far] = pair();
      await far.broadcast('before');
      const heard: string[][] = [[], [], []];
      for (const [n, engine] of [near, near, far].entries())
        await engine.onBroadcast(
          (message) => heard[n]?.push(message),
          () => undefined,
        );
      const messages = ['cancel:x', 'NUL \0 and \ud83d\ude00', '', '{"json":true}'];
      for (const message of messages) await far.broadcast(message);
      await until('all have come', () => heard.every((one) => one.length === messages.length));
      expect(heard).toEqual([messages, messages, messages]);
    });

    it('is heard no more by who has stopped to listen', async () => {
      const [near, far] = pair();
      const heard: string[] = [];
      const stop = await near.onBroadcast(
        (message) => heard.push(`a ${message}`),
        () => undefined,
      );
      await near.onBroadcast(
        (message) => heard.push(`b ${message}`),
        () => undefined,
      );
      stop();
      await far.broadcast('x');
      await until('it has come', () => heard.length > 0);
      expect(heard).toEqual(['b x']);
    });

    it('can be listened to again after the last has stopped', async () => {
      const [near, far] = pair();
      const heard: string[] = [];
      const listen = (): Promise<() => void> =>
        near.onBroadcast(
          (message) => heard.push(message),
          () => undefined,
        );
      (await listen())();
      await far.broadcast('to nobody');
      await listen();
      await far.broadcast('x');
      await until('it has come', () => heard.length > 0);
      expect(heard).toEqual(['x']);
    });

    it('is no event of a job', async () => {
      const [near, far] = pair();
      const events: JobEvent[] = [];
      await near.open();
      near.feed.listen({ event: (event) => events.push(event), gap: () => undefined });
      await near.feed.watch('q');
      const heard: string[] = [];
      await near.onBroadcast(
        (message) => heard.push(message),
        () => undefined,
      );
      await far.broadcast('x');
      await far.addFlow([flowJob('q', 'it')]);
      await until('both have come', () => heard.length === 1 && events.some(({ jobId }) => jobId === 'it'));
      expect(new Set(events.map(({ queue }) => queue))).toEqual(new Set(['q']));
    });

    it('comes within 100 ms, more often than not', async () => {
      const [near, far] = pair();
      let heard = (): void => undefined;
      await near.onBroadcast(
        () => heard(),
        () => undefined,
      );
      const times: number[] = [];
      for (let n = 0; n < 11; n++) {
        const began = performance.now();
        await new Promise<void>((resolve, reject) => {
          heard = resolve;
          far.broadcast(String(n)).catch(reject);
        });
        times.push(performance.now() - began);
      }
      expect(times.sort((a, b) => a - b)[5]).toBeLessThan(100);
    });
  });
}
