import { TaskFailedError, type JobHandle } from '@oxbow/core';
import { until } from '@oxbow/faults';
import { Gate, type TestEngine, uniqueName } from '@oxbow/faults/suite';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { allEvents, eventsOf, type SentEvent } from './testing/events.ts';
import { openStage, post, problemOf, serve, work } from './testing/stage.ts';

interface Accepted {
  readonly id: string;
  readonly created: boolean;
  readonly links: { readonly self: string; readonly result: string; readonly events: string };
}

/** What clients get over real HTTP, on every engine. */
export function routesContract(engine: TestEngine): void {
  const stage = openStage(engine);

  /** A task that adds, behind a gate, and a server that has it. */
  async function scene(options: { readonly idempotencyErrors?: boolean } = {}) {
    const { app } = stage;
    const queue = uniqueName();
    const gate = new Gate();
    const add = app.task(`add-${queue}`, {
      queue,
      input: z.object({ a: z.number(), b: z.number() }),
      ...(options.idempotencyErrors === true
        ? { idempotency: { key: ({ a, b }: { a: number; b: number }) => `${a}+${b}`, replayErrors: true } }
        : {}),
      run: async ({ a, b }, ctx) => {
        await ctx.progress(1, 2);
        await gate.pass();
        if (a < 0) throw new TypeError(`${a} is negative`);
        return { sum: a + b };
      },
    });
    const base = await serve(app, { tasks: [add] });
    const start = (body: unknown, headers?: Record<string, string>) => post(`${base}/tasks/${add.name}`, body, headers);
    const accepted = async (body: unknown, headers?: Record<string, string>) => (await (await start(body, headers)).json()) as Accepted;
    return { app, queue, gate, add, base, start, accepted, at: (path: string, init?: RequestInit) => fetch(`${base}${path}`, init) };
  }

  describe('POST /tasks/:name', () => {
    it('enqueues and says where the job is', async () => {
      const { app, queue, gate, add, start, at } = await scene();
      const response = await start({ a: 1, b: 2 });
      const accepted = (await response.json()) as Accepted;
      expect(response.status).toBe(202);
      expect(response.headers.get('location')).toBe(accepted.links.self);
      expect(accepted).toMatchObject({ task: add.name, created: true, id: expect.stringMatching(`@${queue}$`) as string });
      expect(await (await at(accepted.links.self)).json()).toMatchObject({
        id: accepted.id,
        task: add.name,
        status: 'waiting',
        attempt: 0,
      });
      await work(app, queue);
      gate.open();
      expect(await app.handle(accepted.id).result()).toEqual({ sum: 3 });
    });

    it('answers a key whose job has not ended with 409, and afterwards with the same job', async () => {
      const { app, queue, gate, start, accepted } = await scene();
      const key = { 'idempotency-key': '"k"' };
      const first = await accepted({ a: 1, b: 2 }, key);
      const early = await start({ b: 2, a: 1 }, key);
      expect(early.headers.get('retry-after')).toBe('1');
      expect(early.headers.get('location')).toBe(first.links.self);
      expect(await problemOf(early)).toMatchObject({ status: 409, code: 'idempotency_key_in_use', job: first.id });
      await work(app, queue);
      gate.open();
      await app.handle(first.id).result();
      const late = await start({ a: 1, b: 2 }, key);
      expect([late.status, late.headers.get('idempotent-replayed'), late.headers.get('location')]).toEqual([202, 'true', first.links.self]);
      expect(await late.json()).toMatchObject({ id: first.id, created: false });
      expect(gate.arrived).toBe(1);
    });

    it('refuses a key with another body with 422 and enqueues nothing', async () => {
      const { app, queue, start, accepted } = await scene();
      const key = { 'idempotency-key': '"k"' };
      await accepted({ a: 1, b: 2 }, key);
      expect(await problemOf(await start({ a: 1, b: 3 }, key))).toMatchObject({ status: 422, code: 'idempotency_mismatch' });
      expect(await app.queue(queue).count()).toBe(1);
    });

    it('makes one job of many requests with one key at once', async () => {
      const { app, queue, start } = await scene();
      const answers = await Promise.all(Array.from({ length: 10 }, () => start({ a: 1, b: 2 }, { 'idempotency-key': '"k"' })));
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, ...Array.from({ length: 9 }, () => 409)]);
      expect(new Set(answers.map(({ headers }) => headers.get('location'))).size).toBe(1);
      expect(await app.queue(queue).count()).toBe(1);
    });

    it('gives a key that has failed a new job, unless the task keeps failures', async () => {
      const { app, queue, gate, start, accepted } = await scene();
      const kept = await scene({ idempotencyErrors: true });
      await work(app, queue);
      await work(app, kept.queue);
      gate.open();
      kept.gate.open();
      const key = { 'idempotency-key': '"k"' };
      const [first, other] = await Promise.all([accepted({ a: -1, b: 2 }, key), kept.accepted({ a: -1, b: 2 }, key)]);
      for (const { id } of [first, other]) await expect(app.handle(id).result()).rejects.toThrow(TaskFailedError);
      await until('the key is free', async () => (await start({ a: -1, b: 2 }, key)).headers.get('location') !== first.links.self);
      const again = await kept.start({ a: -1, b: 2 }, key);
      expect([again.status, again.headers.get('location'), again.headers.get('idempotent-replayed')]).toEqual([
        202,
        other.links.self,
        'true',
      ]);
    });
  });

  describe('GET /jobs/:id/result', () => {
    it('is 202 with the status while there is none, and 200 with the result', async () => {
      const { app, queue, gate, accepted, at } = await scene();
      const { id, links } = await accepted({ a: 1, b: 2 });
      const early = await at(links.result);
      expect([early.status, early.headers.get('retry-after'), early.headers.get('location')]).toEqual([202, '1', links.self]);
      expect(await early.json()).toMatchObject({ id, status: 'waiting' });
      await work(app, queue);
      const waiting = at(`${links.result}?wait=20`);
      await until('the handler runs', () => gate.arrived === 1);
      gate.open();
      expect(await (await waiting).json()).toEqual({ sum: 3 });
      const late = await at(links.result);
      expect([late.status, await late.json()]).toEqual([200, { sum: 3 }]);
    });

    it('waits no longer than asked', async () => {
      const { accepted, at } = await scene();
      const { links } = await accepted({ a: 1, b: 2 });
      expect((await at(`${links.result}?wait=0.05`)).status).toBe(202);
    });

    it('is 409 with the error of the job itself, and no stack, when it has failed', async () => {
      const { app, queue, gate, accepted, at } = await scene();
      const { id, links } = await accepted({ a: -1, b: 2 });
      await work(app, queue);
      const waiting = at(`${links.result}?wait=20`);
      gate.open();
      const problem = { status: 409, code: 'task_failed', job: id, error: { name: 'TypeError', message: '-1 is negative' } };
      const [waited, looked] = [await problemOf(await waiting), await problemOf(await at(links.result))];
      expect([waited, looked]).toMatchObject([problem, problem]);
      expect(JSON.stringify([waited, looked])).not.toMatch(/stack|\.ts/u);
    });

    it('is 410 when the job expired before it started', async () => {
      const { app, queue, add, at } = await scene();
      const { id } = await add.enqueue({ a: 1, b: 2 }, { expires: 1 });
      await work(app, queue);
      await until('the job has ended', async () => (await app.handle(id).status()).status === 'expired');
      expect(await problemOf(await at(`/jobs/${id}/result`))).toMatchObject({ status: 410, code: 'expired' });
    });
  });

  describe('DELETE /jobs/:id', () => {
    it('cancels a job that waits, again without harm, and its result is 409', async () => {
      const { accepted, at } = await scene();
      const { links } = await accepted({ a: 1, b: 2 });
      for (const _ of [1, 2]) {
        const response = await at(links.self, { method: 'DELETE' });
        expect([response.status, await response.json()]).toMatchObject([200, { status: 'cancelled' }]);
      }
      expect(await problemOf(await at(links.result))).toMatchObject({ status: 409, code: 'cancelled' });
    });

    it('tells a job that runs, which then ends as cancelled', async () => {
      const { app, queue, base } = await scene();
      const gate = new Gate();
      const listening = app.task(`listening-${queue}`, {
        queue,
        run: async (_: undefined, ctx) => {
          await gate.pass();
          await new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error)));
        },
      });
      const own = await serve(app, { tasks: [listening] });
      const { id } = await listening.enqueue();
      await work(app, queue);
      await until('the handler runs', () => gate.arrived === 1);
      gate.open();
      const response = await fetch(`${own}/jobs/${id}`, { method: 'DELETE' });
      expect([200, 202]).toContain(response.status);
      expect(await problemOf(await fetch(`${own}/jobs/${id}/result?wait=20`))).toMatchObject({ status: 409, code: 'cancelled', job: id });
      expect((await fetch(`${base}/jobs/${id}`)).status).toBe(404);
    });

    it('is 409 for a job that has ended otherwise', async () => {
      const { app, queue, gate, accepted, at } = await scene();
      const { id, links } = await accepted({ a: 1, b: 2 });
      await work(app, queue);
      gate.open();
      await app.handle(id).result();
      expect(await problemOf(await at(links.self, { method: 'DELETE' }))).toMatchObject({
        status: 409,
        code: 'job_ended',
        jobStatus: 'succeeded',
      });
    });
  });

  describe('GET /jobs/:id/events', () => {
    it('shows the status now, each change, and ends with the job', async () => {
      const { app, queue, gate, accepted, at } = await scene();
      const { id, links } = await accepted({ a: 1, b: 2 });
      const response = await at(links.events);
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
      const seen: SentEvent[] = [];
      const all = (async () => {
        for await (const event of eventsOf(response.body as ReadableStream<Uint8Array>)) if (event.event !== undefined) seen.push(event);
      })();
      await until('the snapshot is there', () => seen.length === 1);
      await work(app, queue);
      await until('the handler runs', () => gate.arrived === 1);
      gate.open();
      await all;
      expect(seen[0]).toMatchObject({ event: 'status', data: { id, status: 'waiting' } });
      expect(seen.at(-1)).toMatchObject({ event: 'status', data: { id, status: 'succeeded', progress: { done: 1, total: 2 } } });
      expect(new Set(seen.map((event) => event.id)).size).toBe(seen.length);
    });

    it('goes on behind Last-Event-ID, and is 204 when there is nothing more', async () => {
      const { app, queue, gate, accepted, at } = await scene();
      const { links } = await accepted({ a: 1, b: 2 });
      const cut = new AbortController();
      const first = await at(links.events, { signal: cut.signal });
      let last = '';
      for await (const { id } of eventsOf(first.body as ReadableStream<Uint8Array>)) {
        if (id === undefined) continue;
        last = id;
        break;
      }
      cut.abort();
      const resumed = await at(links.events, { headers: { 'last-event-id': last } });
      const events = allEvents(resumed);
      await work(app, queue);
      gate.open();
      const seen = await events;
      expect(seen.map(({ id }) => id)).not.toContain(last);
      expect(seen.at(-1)?.data).toMatchObject({ status: 'succeeded' });
      const end = seen.at(-1)?.id ?? '';
      expect((await at(links.events, { headers: { 'last-event-id': end } })).status).toBe(204);
      expect((await allEvents(await at(links.events))).map(({ id }) => id)).toEqual([end]);
    });
  });

  it('shows nothing of tasks that are not listed', async () => {
    const { app, queue, at, start } = await scene();
    const hidden = app.task(`hidden-${queue}`, { queue, run: () => 'secret' });
    const { id }: JobHandle = await hidden.enqueue();
    const answers = [
      await at(`/jobs/${id}`),
      await at(`/jobs/${id}/result`),
      await at(`/jobs/${id}/events`),
      await at(`/jobs/${id}`, { method: 'DELETE' }),
      await at(`/jobs/nobody@${queue}`),
    ];
    expect(await Promise.all(answers.map(problemOf))).toEqual(
      answers.map(() => ({
        type: 'urn:oxbow:problem:unknown_job',
        title: 'There is no such job',
        status: 404,
        code: 'unknown_job',
        contentType: 'application/problem+json',
      })),
    );
    expect(await app.handle(id).status()).toMatchObject({ status: 'waiting' });
    expect((await start({ a: 1, b: 1 })).status).toBe(202);
  });
}
