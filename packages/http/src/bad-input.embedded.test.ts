import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { until } from '@oxbow/faults';
import { onEmbedded, uniqueName } from '@oxbow/faults/suite';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openStage, post, problemOf, serve } from './testing/stage.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

onEmbedded((engine) => {
  const stage = openStage(engine);

  async function scene(options: { readonly requireIdempotencyKey?: boolean } = {}) {
    const { app } = stage;
    const queue = uniqueName();
    const add = app.task(`add-${queue}`, { queue, input: z.object({ a: z.number() }), run: ({ a }) => a });
    const free = app.task(`free-${queue}`, { queue, run: (input: unknown) => input });
    const base = await serve(app, { tasks: [add, free], maxBodyBytes: 1000, ...options });
    return {
      app,
      queue,
      base,
      add: `${base}/tasks/${add.name}`,
      free: `${base}/tasks/${free.name}`,
      count: () => app.queue(queue).count(),
    };
  }

  describe('a body', () => {
    const refused: readonly [what: string, status: number, code: string, init: RequestInit][] = [
      ['that is no JSON', 400, 'invalid_json', { body: '{"a":', headers: JSON_TYPE }],
      ['that is no UTF-8', 400, 'invalid_json', { body: Buffer.from([0x22, 0xff, 0x22]), headers: JSON_TYPE }],
      ['of two values', 400, 'invalid_json', { body: '{} {}', headers: JSON_TYPE }],
      ['over the limit', 413, 'body_too_large', { body: JSON.stringify({ a: 'x'.repeat(1000) }), headers: JSON_TYPE }],
      ['of a form', 415, 'unsupported_content_type', { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
      ['of plain text', 415, 'unsupported_content_type', { body: '{"a":1}' }],
      ['in Latin-1', 415, 'unsupported_content_type', { body: '{"a":1}', headers: { 'content-type': 'application/json; charset=latin1' } }],
      [
        'that is compressed',
        415,
        'unsupported_content_encoding',
        { body: '{"a":1}', headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } },
      ],
      ['that is empty and of no type', 415, 'unsupported_content_type', {}],
      ['that is empty, for a task with input', 422, 'invalid_input', { headers: JSON_TYPE }],
      ['that does not fit the schema', 422, 'invalid_input', { body: '{"a":"1"}', headers: JSON_TYPE }],
    ];
    it.each(refused)('%s is refused with %i %s, and nothing is enqueued', async (_what, status, code, init) => {
      const { add, count } = await scene();
      const problem = await problemOf(await fetch(add, { method: 'POST', ...init }));
      expect(problem).toMatchObject({ status, code, contentType: 'application/problem+json', type: `urn:oxbow:problem:${code}` });
      expect(await count()).toBe(0);
    });

    it('without a length is cut off at the limit', async () => {
      const { add, count } = await scene();
      let sent = 0;
      const body = new ReadableStream({
        pull: (controller) => {
          sent += 100;
          if (sent > 1e8) controller.close();
          else controller.enqueue(Buffer.from('"'.padEnd(100)));
        },
      });
      const response = await fetch(add, { method: 'POST', body, duplex: 'half', headers: JSON_TYPE } as RequestInit);
      expect(await problemOf(response)).toMatchObject({ status: 413, code: 'body_too_large' });
      expect(sent).toBeLessThan(1e8);
      expect(await count()).toBe(0);
    });

    it('that ends early is not enqueued', async () => {
      const { base, free, count } = await scene();
      const { port, hostname } = new URL(base);
      const socket = connect(Number(port), hostname);
      socket.write(`POST ${new URL(free).pathname} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n1`);
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.end();
      expect(await text(socket)).toMatch(/^(?:HTTP\/1\.1 400|$)/u);
      expect((await post(free, 1)).status).toBe(202);
      expect(await count()).toBe(1);
    });

    it('says at most 50 of what is wrong, where, and not with which value', async () => {
      const { app } = stage;
      const queue = uniqueName();
      const many = app.task(`many-${queue}`, { queue, input: z.array(z.number()), run: () => 1 });
      const base = await serve(app, { tasks: [many] });
      const { issues } = (await (
        await post(
          `${base}/tasks/${many.name}`,
          Array.from({ length: 200 }, () => 'secret'),
        )
      ).json()) as { issues: unknown[] };
      expect(issues).toHaveLength(50);
      expect(issues[1]).toEqual({ path: '1', message: expect.stringContaining('number') as string });
      expect(JSON.stringify(issues)).not.toContain('secret');
    });

    it('with keys that turn into prototypes is refused', async () => {
      const { free, count } = await scene();
      for (const body of ['{"__proto__":{"polluted":1}}', '{"a":{"constructor":{"prototype":{"polluted":1}}}}'])
        expect(await problemOf(await fetch(free, { method: 'POST', body, headers: JSON_TYPE }))).toMatchObject({
          status: 422,
          code: 'serialization',
        });
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
      expect(await count()).toBe(0);
    });

    it('nested too deeply is over a limit', async () => {
      const { free } = await scene();
      const body = `${'['.repeat(200)}${']'.repeat(200)}`;
      expect(await problemOf(await fetch(free, { method: 'POST', body, headers: JSON_TYPE }))).toMatchObject({
        status: 413,
        code: 'payload_too_large',
      });
    });

    it('may be empty for a task that takes none', async () => {
      const { free } = await scene();
      expect((await fetch(free, { method: 'POST', headers: JSON_TYPE })).status).toBe(202);
    });
  });

  describe('Idempotency-Key', () => {
    it('is refused when it is no quoted text of 1 to 255 characters', async () => {
      const { add, count } = await scene();
      const malformed = ['abc', '""', '"a', 'a"', '"a"b"', '"a", "b"', '"ä"', '?1', '"a";b=1', `"${'x'.repeat(256)}"`, String.raw`"\x"`];
      for (const key of malformed)
        expect([key, (await problemOf(await post(add, { a: 1 }, { 'idempotency-key': key })))['code']]).toEqual([
          key,
          'idempotency_key_malformed',
        ]);
      expect(await count()).toBe(0);
      for (const key of ['"8e03978e-40d5-43e8-bc93-6894a57f9324"', String.raw`"\"\\"`, `"${'x'.repeat(255)}"`])
        expect((await post(add, { a: 1 }, { 'idempotency-key': key })).status).toBe(202);
    });

    it('is missing where it is required', async () => {
      const { add, count } = await scene({ requireIdempotencyKey: true });
      expect(await problemOf(await post(add, { a: 1 }))).toMatchObject({ status: 400, code: 'idempotency_key_missing' });
      expect(await count()).toBe(0);
      expect((await post(add, { a: 1 }, { 'idempotency-key': '"k"' })).status).toBe(202);
    });

    it('of one client is not that of another', async () => {
      const { app } = stage;
      const queue = uniqueName();
      const echo = app.task(`echo-${queue}`, { queue, run: (input: unknown) => input });
      const base = await serve(app, { tasks: [echo], clientOf: ({ headers }) => headers.get('x-client') ?? '' });
      const start = (client: string, body: unknown) =>
        post(`${base}/tasks/${echo.name}`, body, { 'x-client': client, 'idempotency-key': '"k"' });
      const answers = [await start('a', 1), await start('b', 2), await start('a', 1)];
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 409]);
      expect(answers[2]?.headers.get('location')).toBe(answers[0]?.headers.get('location'));
    });

    it('is not for tasks that say themselves which job stands', async () => {
      const { app } = stage;
      const queue = uniqueName();
      const once = app.task(`once-${queue}`, { queue, unique: { key: () => 'k', onConflict: 'reject' }, run: () => 1 });
      const url = `${await serve(app, { tasks: [once] })}/tasks/${once.name}`;
      expect(await problemOf(await post(url, 1, { 'idempotency-key': '"k"' }))).toMatchObject({
        status: 400,
        code: 'idempotency_key_unsupported',
      });
      const { id } = (await (await post(url, 1)).json()) as { id: string };
      expect(await problemOf(await post(url, 2))).toMatchObject({ status: 409, code: 'not_unique', job: id });
    });
  });

  describe('a path', () => {
    it('that names no task, job or route is 404', async () => {
      const { base, add } = await scene();
      for (const name of ['nobody', '__proto__', 'constructor', 'toString', '..%2fadd', 'a%0d%0aX-Injected:%201', '%ff', '%'])
        expect(await problemOf(await post(`${base}/tasks/${name}`, { a: 1 }))).toMatchObject({ status: 404, code: 'unknown_task' });
      for (const id of [
        'a',
        '@',
        'a@',
        '..%2f..%2fetc@default',
        'a@..',
        'a%00@b',
        'a%0d%0aSet-Cookie:%20x@b',
        '%ff@a',
        `${'x'.repeat(200)}@b`,
        '__proto__@__proto__',
      ]) {
        const response = await fetch(`${base}/jobs/${id}`);
        expect([...response.headers.keys()]).not.toContain('set-cookie');
        expect(await problemOf(response)).toMatchObject({ status: 404, code: 'unknown_job' });
      }
      for (const path of ['', '/', '/tasks', '/jobs', '/jobs/a@b/nothing', `${new URL(add).pathname}/`])
        expect(await problemOf(await fetch(`${base}${path}`))).toMatchObject({ status: 404, code: 'not_found' });
    });

    it('answers another method with 405 and those that it has', async () => {
      const { base, add } = await scene();
      const allowed = async (url: string, method: string) => {
        const response = await fetch(url, { method });
        return [response.status, response.headers.get('allow')];
      };
      expect(await allowed(add, 'GET')).toEqual([405, 'POST']);
      expect(await allowed(`${base}/jobs/a@b`, 'PUT')).toEqual([405, 'GET, HEAD, DELETE']);
      expect(await allowed(`${base}/jobs/a@b/result`, 'POST')).toEqual([405, 'GET, HEAD']);
      expect(await allowed(`${base}/jobs/a@b/events`, 'DELETE')).toEqual([405, 'GET, HEAD']);
    });

    it('takes a wait of 0 to 60 seconds, and no other', async () => {
      const { base, add } = await scene();
      const { id } = (await (await post(add, { a: 1 })).json()) as { id: string };
      for (const wait of ['-1', '61', '1e1', 'soon', '', '0x1', '1.2345'])
        expect(await problemOf(await fetch(`${base}/jobs/${id}/result?wait=${wait}`))).toMatchObject({
          status: 400,
          code: 'invalid_query',
        });
      expect((await fetch(`${base}/jobs/${id}/result?wait=0.01`)).status).toBe(202);
    });
  });

  it('answers HEAD without a body and without watching', async () => {
    const { base, add } = await scene();
    const { id } = (await (await post(add, { a: 1 })).json()) as { id: string };
    for (const path of ['', '/result', '/events']) {
      const response = await fetch(`${base}/jobs/${id}${path}`, { method: 'HEAD' });
      expect([response.ok, await response.text()]).toEqual([true, '']);
    }
  });

  it('keeps errors of the server to itself, and bodies out of the log', async () => {
    const { app, log } = stage;
    const queue = uniqueName();
    const echo = app.task(`echo-${queue}`, {
      queue,
      idempotency: {
        key: () => {
          throw new Error('password=hunter2');
        },
      },
      run: (input: unknown) => input,
    });
    const url = `${await serve(app, { tasks: [echo] })}/tasks/${echo.name}`;
    const response = await post(`${url}?token=t0ken`, { card: '4111-1111' });
    expect(await problemOf(response)).toEqual({
      type: 'urn:oxbow:problem:internal',
      title: 'The server has failed',
      status: 500,
      code: 'internal',
      contentType: 'application/problem+json',
    });
    await until('it is logged', () => log.some((line) => line.includes('hunter2')));
    expect(log.join('')).not.toMatch(/4111|t0ken/u);
  });
});
