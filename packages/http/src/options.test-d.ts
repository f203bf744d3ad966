import { createApp } from '@oxbow/core';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { createHttp, type Http, type HttpHandler } from './create-http.ts';
import type { HttpOptions } from './options.ts';

interface Deps {
  readonly pool: string;
}

describe('createHttp', () => {
  const app = createApp<Deps>({ name: 'shop' });

  it('takes tasks and contracts of any input, of an app with any deps', () => {
    const typed = app.task('typed', { input: z.object({ a: z.number() }), run: ({ a }, ctx) => `${ctx.deps.pool}${a}` });
    const contract = app.task.contract('contract', { input: z.string(), output: z.number() });
    const free = app.task('free', { run: () => undefined });
    expectTypeOf(createHttp(app, { tasks: [typed, contract, free], allowAnonymous: true })).toEqualTypeOf<Http>();
  });

  it('refuses what is no task, and an access that nobody named', () => {
    expectTypeOf<readonly string[]>().not.toExtend<HttpOptions['tasks']>();
    expectTypeOf<false>().not.toExtend<HttpOptions['allowAnonymous']>();
  });

  it('gives what Fetch hosts take', () => {
    expectTypeOf<HttpHandler>().toExtend<(request: Request, context: unknown) => Response | Promise<Response>>();
  });
});
