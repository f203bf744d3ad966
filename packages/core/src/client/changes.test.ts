import { describe, expect, it } from 'vitest';
import type { Status } from '../task/status.ts';
import { changesOf } from './changes.ts';

/** Changes of something that a test changes, and how many watch it. */
function open(closed = new AbortController()) {
  const watched = { count: 0, status: 'waiting' as Status, ring: (): void => undefined };
  const watch = (ring: () => void): Promise<() => void> => {
    watched.count++;
    watched.ring = ring;
    return Promise.resolve(() => void watched.count--);
  };
  return { watched, changes: changesOf(closed.signal, watch, () => Promise.resolve({ status: watched.status })) };
}

describe('changes', () => {
  it('watch nothing before the first is asked for', async () => {
    const { watched, changes } = open();
    expect(watched.count).toBe(0);
    await changes.return();
    expect(await changes.next()).toEqual({ done: true, value: undefined });
    expect(watched.count).toBe(0);
  });

  it('end their watch at once when nobody wants more, also while a change is waited for', async () => {
    const { watched, changes } = open();
    expect(await changes.next()).toEqual({ done: false, value: { status: 'waiting' } });
    const next = changes.next();
    await changes.return();
    expect(watched.count).toBe(0);
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('end their watch when a loop is left', async () => {
    const { watched, changes } = open();
    for await (const { status } of changes) if (status === 'waiting') break;
    expect(watched.count).toBe(0);
  });

  it('end with the last status', async () => {
    const { watched, changes } = open();
    await changes.next();
    watched.status = 'succeeded';
    watched.ring();
    expect(await changes.next()).toEqual({ done: false, value: { status: 'succeeded' } });
    expect(await changes.next()).toEqual({ done: true, value: undefined });
    expect(watched.count).toBe(0);
  });
});
