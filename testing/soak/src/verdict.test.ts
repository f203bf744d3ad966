import { expect, it } from 'vitest';
import type { App } from '@oxbow/core';
import { QUEUES } from './orders.ts';
import { settle } from './verdict.ts';

it('nothing moves any more when two looks in a row have found no job', async () => {
  const active = [2, 0, 1, 0, 0];
  let looks = 0;
  const queue = (name: string): unknown => ({
    getJobCounts: () => Promise.resolve({ completed: 5, active: name === QUEUES[0] ? (active[looks++] ?? 0) : 0 }),
  });
  await settle({ queue } as unknown as Pick<App, 'queue'>, 60_000, () => Promise.resolve());
  expect(looks).toBe(active.length);
});
