import { describe, expect, it } from 'vitest';
import { operate } from '../operate.ts';
import type { TestEngine } from '../testing/engines.ts';
import { uniqueName, withApp } from '../testing/with-app.ts';

/** @param leftovers - how much of probes is in the store of an app. */
export function probeContract(engine: TestEngine, leftovers?: (app: string) => Promise<number>): void {
  describe('a probe of the store', () => {
    it('opens the engine, leaves nothing behind, and is refused once the app is closed, which says so', async () => {
      const app = withApp(engine, { name: uniqueName() });
      const operation = operate(app);
      expect(operation.engine()).toMatchObject({ facts: undefined, evicts: false });
      const probes = await Promise.all([operation.probe(), operation.probe(), operation.probe()]);
      for (const { latencyMs } of probes) expect(latencyMs).toBeGreaterThan(0);
      expect(operation.engine().facts?.version).toMatch(/^\d+/u);
      if (leftovers !== undefined) expect(await leftovers(app.name)).toBe(0);
      const closed: string[] = [];
      app.on('app:closed', (event) => closed.push(event.app));
      expect(operation.phase()).toBe('open');
      const closing = app.close();
      expect([operation.phase(), closed]).toEqual(['closing', []]);
      await closing;
      expect([operation.phase(), closed]).toEqual(['closed', [app.name]]);
      await expect(operation.probe()).rejects.toMatchObject({ code: 'closed' });
    });
  });
}
