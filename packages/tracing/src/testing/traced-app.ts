import { createApp, type App, type AppOptions } from '@oxbow/core';
import { deleteApp, uniqueName, type TestEngine } from '@oxbow/faults/suite';
import { onTestFinished } from 'vitest';
import { tracing, type TracingOptions } from '../tracing.ts';

/** An app of this test's own that is traced; gone when the test ends. */
export function tracedApp(engine: TestEngine, options: TracingOptions & Pick<AppOptions, 'logger'> = {}): App {
  const { logger, ...given } = options;
  const name = uniqueName();
  const app = createApp({ name, url: engine.url, ...(logger === undefined ? { logLevel: 'silent' } : { logger }) });
  onTestFinished(async () => {
    await app.close();
    await deleteApp(engine, name);
  });
  return app.use(tracing(given));
}
