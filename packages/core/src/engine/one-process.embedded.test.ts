import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FixtureProcess, temporaryFolder } from '../testing/fixture-process.ts';
import { withApp } from '../testing/with-app.ts';

describe('an embedded directory', { timeout: 90_000 }, () => {
  it('is refused to a second process by name, and free again when the first is killed', async () => {
    const folder = await temporaryFolder();
    const url = `embedded:${join(folder, 'data')}`;
    const child = new FixtureProcess({ app: 'shared', url, queue: 'work', ledger: join(folder, 'ledger') });
    await child.told('worker:ready');
    const id = await child.enqueue('note', 1);
    expect(await child.ended(id)).toMatchObject({ status: 'succeeded' });
    const app = withApp({ kind: 'embedded', url }, { name: 'shared' });
    await expect(app.ready()).rejects.toMatchObject({ code: 'engine_in_use' });
    const task = app.task('note', { queue: 'work', run: () => null });
    await expect(task.enqueue()).rejects.toMatchObject({ code: 'engine_in_use' });
    await child.kill('SIGKILL');
    await app.ready();
    expect(await app.handle(id).result()).toBe(1);
  });

  it('is refused a second time in one process', async () => {
    const url = `embedded:${await temporaryFolder()}`;
    await withApp({ kind: 'embedded', url }, { name: 'shared' }).ready();
    await expect(withApp({ kind: 'embedded', url }, { name: 'shared' }).ready()).rejects.toMatchObject({ code: 'engine_in_use' });
  });
});
