import { expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { onRedis } from '../testing/engines.ts';
import { recordSignals, withApp } from '../testing/with-app.ts';

onRedis((engine) => {
  it('a transaction is refused by name, and nothing is sent', async () => {
    const policies: string[] = [];
    const app = withApp(engine).use({ name: 'told', enqueue: (call, next) => (policies.push(call.task), next(call)) });
    const task = app.task('task', { run: (n: number) => n });
    const told = recordSignals(app, 'task:enqueued');
    const statements: string[] = [];
    const tx = { query: (text: string) => (statements.push(text), Promise.resolve({ rows: [] })) };
    const refusal = { code: 'transaction_unsupported', message: expect.stringContaining('outbox') as string };
    await expect(task.enqueue(1, { tx })).rejects.toMatchObject(refusal);
    await expect(task.enqueueMany([1, 2], { tx })).rejects.toMatchObject(refusal);
    await expect(task.si(1).enqueue(undefined, { tx })).rejects.toMatchObject(refusal);
    await expect(app.enqueue(chain(task.s(), task.s()), 1, { tx })).rejects.toMatchObject(refusal);
    await expect(app.transaction(() => Promise.reject(new Error('called')))).rejects.toMatchObject(refusal);
    await expect(task.delay(...([1, { tx }] as unknown as [number]))).rejects.toMatchObject({ code: 'transaction_unsupported' });
    expect({ statements, policies, told }).toEqual({ statements: [], policies: [], told: [] });
    expect(await app.queue('default').count()).toBe(0);
  });
});
