import type { JobStatus } from '@oxbow/core';
import { until } from '@oxbow/faults';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventIdOf, EventStream } from './event-stream.ts';
import { eventsOf, type SentEvent } from './testing/events.ts';

const waiting = { id: 'a@b', task: 't', status: 'waiting', finishedAt: undefined } as unknown as JobStatus;
const succeeded = { ...waiting, status: 'succeeded', finishedAt: new Date(1) } as JobStatus;

/** Changes that a test makes, and whether anybody still waits for them. */
class Changes {
  readonly released: Promise<void>;
  asked = 0;
  #release: () => void = () => undefined;
  readonly #given: JobStatus[] = [];
  #wake: () => void = () => undefined;
  #over = false;

  constructor() {
    this.released = new Promise((resolve) => (this.#release = resolve));
  }

  give(...changes: readonly JobStatus[]): void {
    this.#given.push(...changes);
    this.#wake();
  }

  generator(): AsyncGenerator<JobStatus, void, undefined> {
    const next = async (): Promise<IteratorResult<JobStatus, void>> => {
      this.asked++;
      while (this.#given.length === 0 && !this.#over) await new Promise<void>((resolve) => (this.#wake = resolve));
      const value = this.#given.shift();
      if (value === undefined || this.#over) return { done: true, value: undefined };
      this.#over = value.finishedAt !== undefined;
      return { done: false, value };
    };
    const end = async (): Promise<IteratorResult<JobStatus, void>> => {
      this.#over = true;
      this.#wake();
      this.#release();
      return { done: true, value: undefined };
    };
    return { next, return: end } as unknown as AsyncGenerator<JobStatus, void, undefined>;
  }
}

function open(options: Partial<ConstructorParameters<typeof EventStream>[0]> = {}) {
  const changes = new Changes();
  const ended: EventStream[] = [];
  const stream = new EventStream({
    changes: changes.generator(),
    view: (status) => status,
    problem: () => ({ code: 'internal' }),
    seen: undefined,
    heartbeatMs: 60_000,
    dropAfterMs: 60_000,
    drop: () => false,
    onEnd: (one) => ended.push(one),
    ...options,
  });
  onTestFinished(() => stream.end());
  return { changes, stream, ended };
}

async function collect(stream: EventStream): Promise<readonly SentEvent[]> {
  const events: SentEvent[] = [];
  for await (const event of eventsOf(stream.body)) if (event.event !== undefined) events.push(event);
  return events;
}

describe('an event stream', () => {
  it('sends each change and ends with the last', async () => {
    const { changes, stream, ended } = open();
    changes.give(waiting, succeeded);
    expect(await collect(stream)).toEqual([
      { event: 'status', id: eventIdOf(waiting), data: { id: 'a@b', task: 't', status: 'waiting' } },
      { event: 'status', id: 'end-1', data: { id: 'a@b', task: 't', status: 'succeeded', finishedAt: '1970-01-01T00:00:00.001Z' } },
    ]);
    await changes.released;
    expect(ended).toEqual([stream]);
  });

  it('leaves out only the status that the client has', async () => {
    const { changes, stream } = open({ seen: eventIdOf(waiting) });
    changes.give(waiting, { ...waiting, status: 'started' }, waiting, succeeded);
    expect((await collect(stream)).map(({ data }) => data?.['status'])).toEqual(['started', 'waiting', 'succeeded']);
  });

  it('looks for no change while the client has not taken the last', async () => {
    const { changes, stream } = open();
    changes.give(...Array.from({ length: 100 }, (_, at) => ({ ...waiting, attempt: at }) as JobStatus));
    const reader = stream.body.getReader();
    await reader.read();
    await until('the first change is ready', () => changes.asked === 1);
    await reader.read();
    await until('the second change is ready', () => changes.asked === 2);
    expect(changes.asked).toBe(2);
    await reader.cancel();
  });

  it('shows that it lives while nothing happens', async () => {
    const { stream } = open({ heartbeatMs: 5 });
    let beats = 0;
    for await (const { comment } of eventsOf(stream.body)) if (comment !== undefined && ++beats === 3) break;
    expect(beats).toBe(3);
  });

  it('drops a client that takes nothing, and releases the job', async () => {
    let dropped = 0;
    const { changes, ended } = open({ heartbeatMs: 5, dropAfterMs: 20, drop: () => ++dropped > 0 });
    await changes.released;
    expect([dropped, ended.length]).toEqual([1, 1]);
  });

  it('fails for a host that cannot end the connection', async () => {
    const { changes, stream } = open({ heartbeatMs: 5, dropAfterMs: 20 });
    await changes.released;
    await expect(stream.body.getReader().read()).rejects.toThrow('takes nothing');
  });

  it('does not drop a client that is slow but reads', async () => {
    vi.useFakeTimers();
    try {
      const { changes, stream } = open({ heartbeatMs: 5, dropAfterMs: 40 });
      const reader = stream.body.getReader();
      for (let at = 0; at < 10; at++) {
        changes.give({ ...waiting, attempt: at } as JobStatus);
        await vi.advanceTimersByTimeAsync(39);
        expect((await reader.read()).done).toBe(false);
      }
    } finally {
      vi.useRealTimers();
    }
  });

  it('releases the job when the client leaves, also while it waits for a change', async () => {
    const { changes, stream, ended } = open();
    const reader = stream.body.getReader();
    await reader.read();
    const next = reader.read();
    await reader.cancel();
    expect((await next).done).toBe(true);
    await changes.released;
    expect(ended).toEqual([stream]);
  });

  it('ends when the server closes', async () => {
    const { changes, stream } = open();
    const events = collect(stream);
    changes.give(waiting);
    await until('the change is taken', () => changes.asked === 2);
    await stream.end();
    expect((await events).map(({ data }) => data?.['status'])).toEqual(['waiting']);
    await changes.released;
  });

  it('says what went wrong, and ends', async () => {
    const changes = (async function* (): AsyncGenerator<JobStatus, void, undefined> {
      yield waiting;
      throw new Error('the engine is away');
    })();
    const { stream } = open({ changes });
    expect((await collect(stream)).map(({ event, data }) => [event, data?.['code']])).toEqual([
      ['status', undefined],
      ['problem', 'internal'],
    ]);
  });
});
