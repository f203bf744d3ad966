import { describe, expect, it } from 'vitest';
import { Gate } from '../testing/gate.ts';
import type { Isolation } from '../task/definition.ts';
import { ChildDeps } from './child-deps.ts';

const isolation = (startup: Isolation['startup'], shutdown?: Isolation['shutdown']): Isolation => ({
  kind: 'thread',
  module: 'file:///tasks.js',
  startup,
  shutdown,
});

describe('what isolate.startup makes', () => {
  it('is made once for all tasks that have it, and disposed of once', async () => {
    const deps = new ChildDeps();
    const disposed: unknown[] = [];
    let made = 0;
    const shared = isolation(
      () => ++made,
      (one) => void disposed.push(one),
    );
    expect(await Promise.all([deps.of('a', shared), deps.of('b', shared)])).toEqual([{ deps: 1 }, { deps: 1 }]);
    expect(
      await deps.of(
        'other',
        isolation(() => ({ [Symbol.asyncDispose]: async () => void disposed.push('itself') })),
      ),
    ).toBeDefined();
    await deps.dispose();
    expect(disposed).toEqual([1, 'itself']);
  });

  it('is nothing without one', async () => {
    expect(await new ChildDeps().of('a', isolation(undefined))).toBeUndefined();
  });

  it('is tried again by the next job when it failed', async () => {
    const deps = new ChildDeps();
    let calls = 0;
    const failing = isolation(() => {
      if (++calls === 1) throw new Error('no pool');
      return calls;
    });
    await expect(deps.of('a', failing)).rejects.toMatchObject({
      code: 'startup_failed',
      message: expect.stringContaining('"a"') as unknown,
    });
    expect(await deps.of('a', failing)).toEqual({ deps: 2 });
  });

  it('is waited for again by the next job when it took too long', async () => {
    const deps = new ChildDeps(5);
    const gate = new Gate();
    const slow = isolation(() => gate.pass());
    await expect(deps.of('a', slow)).rejects.toMatchObject({ code: 'startup_timeout', message: expect.stringContaining('"a"') as unknown });
    gate.open();
    await deps.of('a', slow);
    expect(gate.arrived).toBe(1);
  });

  it('does not keep the child from ending when its shutdown throws', async () => {
    const deps = new ChildDeps();
    await deps.of(
      'a',
      isolation(
        () => 1,
        () => Promise.reject(new Error('no goodbye')),
      ),
    );
    await expect(deps.dispose()).resolves.toBeUndefined();
  });
});
