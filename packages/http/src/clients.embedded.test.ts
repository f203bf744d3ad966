import { connect, type Socket } from 'node:net';
import type { JobHandle, JobStatus } from '@oxbow/core';
import { until } from '@oxbow/faults';
import { Gate, onEmbedded, uniqueName } from '@oxbow/faults/suite';
import { EventSource } from 'eventsource';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventsOf } from './testing/events.ts';
import { toNodeListener } from './node-listener.ts';
import { listen, open, openStage, work } from './testing/stage.ts';

interface Watches {
  begun: number;
  ended: number;
  changes: number;
}

onEmbedded((engine) => {
  const stage = openStage(engine);

  /** A job behind a gate, and a server that counts who watches it. */
  async function scene({
    flood,
    ...options
  }: { readonly heartbeatMs?: number; readonly dropAfterMs?: number; readonly flood?: boolean } = {}) {
    const { app } = stage;
    const queue = uniqueName();
    const gate = new Gate();
    const task = app.task(`task-${queue}`, {
      queue,
      run: async () => {
        await gate.pass();
        return 'done';
      },
    });
    const watches: Watches = { begun: 0, ended: 0, changes: 0 };
    const counting = {
      log: app.log,
      handle: <Result>(id: string): JobHandle<Result> => {
        const handle = app.handle<Result>(id);
        const changes = handle.changes.bind(handle);
        const result = handle.resultStream.bind(handle);
        handle.resultStream = async (given) => {
          watches.begun++;
          return result(given).finally(() => watches.ended++);
        };
        handle.changes = () => counted(flood === true ? flooded(changes()) : changes(), watches);
        return handle;
      },
    };
    const http = open(counting as typeof app, { tasks: [task], ...options });
    const base = await listen(toNodeListener(http.handler));
    const { id } = await task.enqueue();
    return { app, queue, gate, http, base, task, id, watches, events: `${base}/jobs/${encodeURIComponent(id)}/events` };
  }

  describe('a client', () => {
    it('that is an EventSource follows a job, connects again after its end and then stays away', async () => {
      const { app, queue, gate, events } = await scene();
      const statuses: string[] = [];
      const source = new EventSource(events);
      onTestFinished(() => source.close());
      source.addEventListener('status', ({ data }) => statuses.push((JSON.parse(data as string) as JobStatus).status));
      await until('the snapshot is there', () => statuses.length === 1);
      await work(app, queue);
      gate.open();
      await until('the source has closed', () => source.readyState === EventSource.CLOSED, 15_000);
      expect([statuses[0], statuses.at(-1), statuses.filter((status) => status === 'succeeded').length]).toEqual([
        'waiting',
        'succeeded',
        1,
      ]);
    });

    it('that is an EventSource goes on at the next process without a gap or a repetition', async () => {
      const { app, queue, gate, http, task, id } = await scene();
      const next = open(app, { tasks: [task] });
      const asked: (string | null)[] = [];
      let handler = http.handler;
      const base = await listen(
        toNodeListener(async (request) => {
          asked.push(request.headers.get('last-event-id'));
          return handler(request);
        }),
      );
      const seen: string[] = [];
      const source = new EventSource(`${base}/jobs/${id}/events`);
      onTestFinished(() => source.close());
      source.addEventListener('status', ({ data }) => seen.push((JSON.parse(data as string) as JobStatus).status));
      await until('the snapshot is there', () => seen.length === 1);
      handler = next.handler;
      await http.close();
      await until('it has connected again', () => asked.length === 2);
      await work(app, queue);
      gate.open();
      await until('the job has ended', () => seen.at(-1) === 'succeeded');
      expect(seen.filter((status) => status === 'waiting')).toEqual(['waiting']);
      expect([asked[0], asked[1]]).toEqual([null, expect.stringMatching(/^[\w-]{16}$/u)]);
    });

    it('that leaves an event stream releases the job at once', async () => {
      const { events, watches } = await scene();
      const leave = new AbortController();
      const response = await fetch(events, { signal: leave.signal });
      for await (const { event } of eventsOf(response.body as ReadableStream<Uint8Array>)) if (event === 'status') break;
      leave.abort();
      await until('the watch has ended', () => watches.ended === 1, 5000);
      expect(watches.begun).toBe(1);
    });

    it('that leaves while it waits for a result is not waited for', async () => {
      const { base, id, watches } = await scene();
      const leave = new AbortController();
      const waiting = fetch(`${base}/jobs/${id}/result?wait=60`, { signal: leave.signal });
      await until('the wait has begun', () => watches.begun === 1);
      leave.abort();
      await expect(waiting).rejects.toThrow('abort');
      await until('the wait has ended', () => watches.ended === 1, 5000);
    });

    it('that does not read is dropped, and little was kept for it', async () => {
      const { app, id, events, watches } = await scene({ heartbeatMs: 50, dropAfterMs: 200, flood: true });
      const socket = openSilent(events);
      await until('the watch has ended', () => watches.ended === 1);
      // What the sockets of both sides hold, in changes of 100 kB.
      expect(watches.changes).toBeLessThan(200);
      expect(await app.handle(id).status()).toMatchObject({ status: 'waiting' });
      socket.resume();
      await new Promise((resolve) => socket.once('close', resolve));
    });

    it('is sent away by close(), and its server can close', async () => {
      const { http, events, watches } = await scene();
      const response = await fetch(events);
      const seen: unknown[] = [];
      const all = (async () => {
        for await (const event of eventsOf(response.body as ReadableStream<Uint8Array>)) seen.push(event);
      })();
      await until('the snapshot is there', () => seen.length === 2);
      await http.close();
      await all;
      expect(watches).toMatchObject({ begun: 1, ended: 1 });
      expect((await fetch(events)).status).toBe(503);
    });
  });

  it('ends waits for results when it closes', async () => {
    const { base, id, http, watches } = await scene();
    const waiting = fetch(`${base}/jobs/${id}/result?wait=60`);
    await until('it waits', () => watches.begun === 1);
    await http.close();
    expect((await waiting).status).toBe(202);
  });

  it('gives many clients of one job the same events', async () => {
    const { app, queue, gate, events } = await scene();
    const last = async (): Promise<unknown> => {
      let status: unknown;
      const response = await fetch(events);
      for await (const { data } of eventsOf(response.body as ReadableStream<Uint8Array>)) status = data?.['status'] ?? status;
      return status;
    };
    const clients = Array.from({ length: 50 }, last);
    await work(app, queue);
    gate.open();
    expect(new Set(await Promise.all(clients))).toEqual(new Set(['succeeded']));
  });
});

/** The changes, counted, and when their watch begins and has ended. */
function counted(changes: AsyncGenerator<JobStatus, void, undefined>, watches: Watches): typeof changes {
  watches.begun++;
  return Object.assign(Object.create(changes) as typeof changes, {
    next: async () => {
      watches.changes++;
      return changes.next();
    },
    return: async () => {
      const ended = await changes.return();
      watches.ended++;
      return ended;
    },
  });
}

/** The first change again and again, large and each time another. */
async function* flooded(changes: AsyncGenerator<JobStatus, void, undefined>): typeof changes {
  const { value } = await changes.next();
  await changes.return();
  if (value === undefined) return;
  for (let done = 1; ; done++) yield { ...value, progress: { done, total: 1e9, meta: 'x'.repeat(100_000) } };
}

/** A client that sends a request and then reads nothing. */
function openSilent(url: string): Socket {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
  return socket;
}
