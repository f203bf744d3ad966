import { expect, it } from 'vitest';
import { onEmbedded } from '../testing/engines.ts';
import { withApp } from '../testing/with-app.ts';
import { transactionContract } from './transaction.contract.ts';

onEmbedded((engine) => {
  transactionContract(engine);

  it('a transaction of another embedded app is refused: it is in another database', async () => {
    const [one, other] = [withApp(engine), withApp(engine)];
    const task = one.task('task', { run: (n: number) => n });
    const mixed = other.transaction((tx) => task.enqueue(1, { tx }));
    await expect(mixed).rejects.toMatchObject({ code: 'invalid_transaction', message: expect.stringContaining('another app') as string });
  });
});
