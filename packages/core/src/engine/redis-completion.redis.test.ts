import { RedisQueueBackend, type MinimalJob } from 'bullmq';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { onRedis } from '../testing/engines.ts';
import { createBackendFactory } from './redis-backend.ts';

const keeps = [undefined, { count: 3 }, { count: 7, age: 60 }] as const;
const completion = fc.record({
  id: fc.string({ minLength: 1 }),
  token: fc.constantFrom('a:1', 'a:2', 'b:1'),
  value: fc.option(fc.json(), { nil: undefined }),
  fetchNext: fc.boolean(),
  remove: fc.constantFrom(true, false, ...keeps),
  attempts: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  failParentOnFailure: fc.option(fc.boolean(), { nil: undefined, freq: 5 }),
  ignoreDependencyOnFailure: fc.option(fc.boolean(), { nil: undefined, freq: 5 }),
});

onRedis(({ url }) => {
  it('completes jobs with the arguments that BullMQ would send', () => {
    const connection = new Redis(url, { maxRetriesPerRequest: null });
    onTestFinished(() => connection.disconnect());
    const factory = createBackendFactory({
      prefix: '{app}:q',
      version: () => '7.0.0',
      connect: () => connection,
      channels: () => undefined,
    });
    fc.assert(
      fc.property(fc.array(completion, { minLength: 2, maxLength: 12 }), fc.constantFrom(...keeps), (completions, removeOnComplete) => {
        const opts = { connection, prefix: '{app}:q', lockDuration: 30_000, removeOnComplete };
        const backend = factory('queue', opts as never);
        for (const { id, token, value, fetchNext, remove, ...policies } of completions) {
          const job = { id, opts: policies } as unknown as MinimalJob;
          const ours = backend.moveToCompletedArgs(job, value, remove as never, token, fetchNext);
          const theirs = RedisQueueBackend.prototype.moveToCompletedArgs.call(backend, job, value, remove as never, token, fetchNext);
          // The clock may have gone on.
          theirs[15] = ours[15] as number;
          expect(ours).toEqual(theirs);
        }
      }),
      { numRuns: 200 },
    );
  });
});
