import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createApp, type App, type ResultStore } from '@oxbow/core';
import { uniqueName } from '@oxbow/faults/suite';
import { pino } from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import { post, problemOf, serve, work } from './testing/stage.ts';

const PART = 64 * 1024;

/** As the port asks for; `written` may be spoilt. */
function memoryStore(): ResultStore & { readonly written: Map<string, Buffer[]> } {
  const written = new Map<string, Buffer[]>();
  return {
    written,
    put: async (key, source) => {
      const parts: Buffer[] = [];
      for await (const part of source) parts.push(Buffer.from(part));
      written.set(key, parts);
      const bytes = Buffer.concat(parts);
      return { size: bytes.byteLength, checksum: createHash('sha256').update(bytes).digest('hex') };
    },
    get: (key) => {
      const parts = written.get(key);
      return Promise.resolve(parts && Readable.from(parts, { objectMode: false }));
    },
    delete: (key) => Promise.resolve(void written.delete(key)),
    list: async function* () {},
  };
}

describe('stored results over HTTP, embedded', () => {
  const store = memoryStore();
  const app: App = createApp({ name: uniqueName(), url: 'embedded:', results: store, logger: pino({ level: 'silent' }) });
  const give = app.task('give', {
    queue: 'give',
    run: async function* (parts: number) {
      for (let part = 0; part < parts; part += 1) yield Promise.resolve(Buffer.alloc(PART, part));
    },
  });
  const say = app.task('say', { queue: 'give', run: (length: number) => ({ text: 'x'.repeat(length) }) });
  afterAll(() => app.close());

  /** Where the result is, once it is there. */
  const result = async (task: typeof give | typeof say, input: number): Promise<string> => {
    await work(app, 'give');
    const base = await serve(app, { tasks: [task] });
    const { id, links } = (await (await post(`${base}/tasks/${task.name}`, input)).json()) as { id: string; links: { result: string } };
    await app.handle(id).resultStream();
    return base + links.result;
  };
  const last = (): Buffer[] => [...store.written.values()].at(-1) ?? [];

  it('gives bytes as they are, with their length', async () => {
    const url = await result(give, 40);
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(response.headers.get('content-length')).toBe(String(40 * PART));
    const body = Buffer.from(await response.arrayBuffer());
    expect(body.equals(Buffer.concat(Array.from({ length: 40 }, (_, part) => Buffer.alloc(PART, part))))).toBe(true);
  });

  it('gives a large value as the JSON that it is', async () => {
    const response = await fetch(await result(say, 200_000));
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({ text: 'x'.repeat(200_000) });
  });

  it('gives no bytes for none, and none to HEAD', async () => {
    const none = await fetch(await result(give, 0));
    expect([none.status, none.headers.get('content-length'), await none.text()]).toEqual([200, '0', '']);
    const head = await fetch(await result(give, 3), { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, String(3 * PART), '']);
  });

  it('refuses what is gone, and what is not what was written', async () => {
    const url = await result(give, 1);
    last()[0]?.fill(7);
    expect(await problemOf(await fetch(url))).toMatchObject({ status: 500, code: 'result_corrupt' });
    store.written.clear();
    expect(await problemOf(await fetch(url))).toMatchObject({ status: 410, code: 'result_gone' });
  });

  it('ends the connection early when the end is not what was written', async () => {
    const url = await result(give, 40);
    last()[39]?.fill(7);
    const response = await fetch(url);
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow(/terminated/u);
  });
});
