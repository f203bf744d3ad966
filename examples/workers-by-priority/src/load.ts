/** Orders that come in all at once, the least urgent first, and how long they waited, by the queue that they were led to. */
import type { JobHandle, JobStatus } from '@oxbow/core';
import { preset, tasks } from './app.ts';

type Task = keyof typeof tasks;

export async function send(counts: Readonly<Partial<Record<Task, number>>>): Promise<readonly JobHandle<number>[]> {
  const handles: JobHandle<number>[] = [];
  for (const name of ['export', 'preview', 'mail', 'confirm', 'capture'] as const) {
    const inputs = Array.from({ length: counts[name] ?? 0 }, (_, at) => ({ order: at, tier: at % 10 === 0 ? 'premium' : 'free' }) as const);
    // By day and by night, so that it is the same load.
    const headers = name === 'export' ? { source: 'backfill' } : {};
    handles.push(...(await tasks[name].enqueueMany(inputs, { headers })));
  }
  return handles;
}

export interface Waited {
  readonly queue: string;
  readonly jobs: number;
  readonly medianMs: number;
}

export async function ended(handles: readonly JobHandle<number>[]): Promise<readonly JobStatus[]> {
  await Promise.all(handles.map((handle) => handle.result({ timeout: '60s' })));
  return Promise.all(handles.map((handle) => handle.status()));
}

/** From the time at which each was enqueued to that at which it was started. */
export function waited(jobs: readonly JobStatus[]): readonly Waited[] {
  return preset.names.map((queue) => {
    const times = jobs.filter((job) => job.queue === queue).map(({ enqueuedAt, startedAt }) => Number(startedAt) - Number(enqueuedAt));
    return { queue, jobs: times.length, medianMs: times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0 };
  });
}
