import { OxbowError } from '@oxbow/core';
import { until } from '@oxbow/faults';
import { onEmbedded, uniqueName } from '@oxbow/faults/suite';
import { describe, expect, it } from 'vitest';
import type { Access } from './access.ts';
import { createHttp } from './create-http.ts';
import type { HttpOptions } from './options.ts';
import { open, openStage, post, problemOf, serve, work } from './testing/stage.ts';

onEmbedded((engine) => {
  const stage = openStage(engine);

  describe('createHttp', () => {
    it('refuses options that are missing, unknown or wrong', () => {
      const { app } = stage;
      const task = app.task(uniqueName(), { run: () => 1 });
      const refused = (options: unknown): string => {
        try {
          createHttp(app, options as HttpOptions);
        } catch (error) {
          if (OxbowError.is(error) && error.code === 'invalid_options') return error.message;
        }
        return 'accepted';
      };
      const tasks = [task];
      expect(refused({ tasks })).toContain('authorize');
      expect(refused({ tasks, allowAnonymous: true, authorize: () => true })).toContain('not both');
      expect(refused({ tasks, allowAnonymous: false })).toContain('allowAnonymous');
      expect(refused({ tasks, authorize: 'yes' })).toContain('authorize');
      expect(refused({ allowAnonymous: true })).toContain('tasks');
      expect(refused({ tasks: [], allowAnonymous: true })).toContain('tasks');
      expect(refused({ tasks: [task, task], allowAnonymous: true })).toContain('one name');
      expect(refused({ tasks, allowAnonymous: true, basePath: 'api/' })).toContain('basePath');
      expect(refused({ tasks, allowAnonymous: true, basePath: '/:id' })).toContain('basePath');
      expect(refused({ tasks, allowAnonymous: true, maxBodyBytes: 0 })).toContain('maxBodyBytes');
      expect(refused({ tasks, allowAnonymous: true, problemsUrl: '/problems' })).toContain('problemsUrl');
      expect(refused({ tasks, allowAnonymous: true, anonymous: true })).toContain('unknown option "anonymous"');
      expect(refused({ tasks, allowAnonymous: true })).toBe('accepted');
    });
  });

  describe('authorize', () => {
    async function scene(authorize: HttpOptions['authorize']) {
      const { app } = stage;
      const queue = uniqueName();
      const echo = app.task(`echo-${queue}`, { queue, run: (input: unknown) => input });
      const hidden = app.task(`hidden-${queue}`, { queue, run: () => 1 });
      const base = await serve(app, { tasks: [echo], authorize });
      return { app, queue, echo, hidden, base };
    }

    it('is asked what a request wants, before anything is done', async () => {
      const asked: Access[] = [];
      const { app, queue, echo, hidden, base } = await scene((_request, access) => {
        asked.push(access);
        return false;
      });
      const [{ id }, { id: other }] = [await echo.enqueue(1), await hidden.enqueue()];
      const answers = [
        await post(`${base}/tasks/${echo.name}`, 1),
        await post(`${base}/tasks/${hidden.name}`, 1),
        await fetch(`${base}/jobs/${id}`),
        await fetch(`${base}/jobs/${id}/result`),
        await fetch(`${base}/jobs/${id}/events`),
        await fetch(`${base}/jobs/${id}`, { method: 'DELETE' }),
        await fetch(`${base}/jobs/${other}`),
      ];
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));
      expect(asked).toEqual([
        { action: 'enqueue', task: echo.name, id: undefined },
        { action: 'enqueue', task: undefined, id: undefined },
        { action: 'status', task: echo.name, id },
        { action: 'result', task: echo.name, id },
        { action: 'events', task: echo.name, id },
        { action: 'cancel', task: echo.name, id },
        { action: 'status', task: undefined, id: other },
      ]);
      expect(await app.queue(queue).count()).toBe(2);
    });

    it('lets through what it says true to, and nothing else', async () => {
      for (const verdict of [undefined, null, 1, 'yes', {}, Promise.resolve('true')]) {
        const { base, echo } = await scene((() => verdict) as unknown as HttpOptions['authorize']);
        expect(await problemOf(await post(`${base}/tasks/${echo.name}`, 1))).toMatchObject({ status: 403, code: 'forbidden' });
      }
      const { base, echo } = await scene(async ({ headers }) => headers.get('authorization') === 'Bearer s3cret');
      expect((await post(`${base}/tasks/${echo.name}`, 1)).status).toBe(403);
      expect((await post(`${base}/tasks/${echo.name}`, 1, { authorization: 'Bearer s3cret' })).status).toBe(202);
    });

    it('may answer by itself', async () => {
      const { base } = await scene(() => new Response('who are you?', { status: 401, headers: { 'www-authenticate': 'Bearer' } }));
      const response = await fetch(`${base}/jobs/a@b`);
      expect([response.status, response.headers.get('www-authenticate'), await response.text()]).toEqual([401, 'Bearer', 'who are you?']);
    });

    it('lets nobody through when it fails', async () => {
      const { base, echo, app, queue } = await scene(() => {
        throw new Error('the session store is away');
      });
      const response = await post(`${base}/tasks/${echo.name}`, 1);
      expect(await problemOf(response)).toMatchObject({ status: 500, code: 'internal' });
      expect(await app.queue(queue).count()).toBe(0);
    });
  });

  it('hides the errors of jobs when asked to', async () => {
    const { app } = stage;
    const queue = uniqueName();
    const fail = app.task(`fail-${queue}`, {
      queue,
      run: () => {
        throw new Error('password=hunter2');
      },
    });
    const base = await serve(app, { tasks: [fail], showJobErrors: false });
    await work(app, queue);
    const { id } = await fail.enqueue();
    await until('the job has failed', async () => (await app.handle(id).status()).status === 'failed');
    const texts = await Promise.all(
      ['', '/result', '/result?wait=1', '/events'].map(async (path) => (await fetch(`${base}/jobs/${id}${path}`)).text()),
    );
    expect(texts.join('')).not.toContain('hunter2');
    expect(texts[0]).toContain('The job failed.');
  });

  it('names a page of problems when it has one', async () => {
    const { app } = stage;
    const task = app.task(uniqueName(), { run: () => 1 });
    const { handler } = open(app, { tasks: [task], problemsUrl: 'https://example.com/problems' });
    const response = await handler(new Request('http://localhost/jobs/a@b'));
    expect(await response.json()).toMatchObject({ type: 'https://example.com/problems#unknown_job' });
  });

  it('is closed once closed', async () => {
    const { app } = stage;
    const task = app.task(uniqueName(), { run: () => 1 });
    const http = open(app, { tasks: [task] });
    await http.close();
    const response = await http.handler(new Request(`http://localhost/tasks/${task.name}`, { method: 'POST' }));
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await problemOf(response)).toMatchObject({ status: 503, code: 'closed' });
  });
});
