import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createApp, type App } from './app.ts';
import { group } from './canvas/group.ts';
import { uniqueName } from './testing/with-app.ts';

const retry = { attempts: 2 };
const run = (): void => undefined;

/** An embedded app, and the tasks that it has warned of. */
function watched(): { readonly app: App; readonly told: readonly string[][] } {
  const told: string[][] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void told.push((JSON.parse(line) as { tasks: string[] }).tasks) });
  const app = createApp({ name: uniqueName(), url: 'embedded:', logger });
  onTestFinished(() => app.close());
  return { app, told };
}

describe('a task that is retried and says nothing of idempotency, on embedded,', () => {
  it('is told once: when the app has opened, or when a worker has started', async () => {
    const { app, told } = watched();
    app.task('blind', { retry, run });
    app.task('twice', { retry, run });
    app.task('once', { run });
    app.task('one-attempt', { retry: { attempts: 1 }, run });
    app.task('harmless', { retry, idempotency: 'natural', run });
    app.task('keyed', { retry, idempotency: { key: () => 'k' }, run });
    await app.ready();
    await app.ready();
    expect(told).toEqual([['blind', 'twice']]);
    app.task('later', { retry, run });
    await app.worker().start();
    expect(told).toEqual([['blind', 'twice'], ['later']]);
  });

  it('is told once, too, when an enqueue or a signature gives it more than one attempt', async () => {
    const { app, told } = watched();
    const blind = app.task('blind', { run });
    const member = app.task('member', { run });
    const harmless = app.task('harmless', { idempotency: 'natural', run });
    await blind.enqueue(undefined, { attempts: 1 });
    await blind.enqueue(undefined, { attempts: 2, idempotencyKey: 'k' });
    await harmless.enqueue(undefined, { attempts: 2 });
    expect(told).toEqual([]);
    await blind.enqueueMany([undefined, undefined], { attempts: 2 });
    await group(member.si(), harmless.si()).enqueue(undefined, { retry: { attempts: 2 } });
    expect(told).toEqual([['blind'], ['member']]);
  });

  it('is refused with strict when an enqueue or a signature gives it more than one attempt', async () => {
    const app = createApp({ name: uniqueName(), url: 'embedded:', strict: true });
    onTestFinished(() => app.close());
    const blind = app.task('blind', { queue: 'q', run });
    const refused = { code: 'invalid_options', message: expect.stringMatching(/task "blind" is given more than one attempt/u) as string };
    await expect(blind.enqueue(undefined, { attempts: 2 })).rejects.toMatchObject(refused);
    await expect(
      blind
        .si()
        .with({ retry: { attempts: 2 } })
        .enqueue(),
    ).rejects.toMatchObject(refused);
    expect(await app.queue('q').count()).toBe(0);
  });

  it('is refused with strict, a contract too, and a preset may say it for all', async () => {
    const app = createApp({ name: uniqueName(), url: 'embedded:', strict: true });
    onTestFinished(() => app.close());
    const refused = /task "blind" is retried: say idempotency/u;
    expect(() => app.task('blind', { retry, run })).toThrow(refused);
    expect(() => app.preset({ retry }).task('blind', { run })).toThrow(refused);
    app.preset({ retry, idempotency: 'natural' }).task('blind', { run });
  });
});

describe('idempotency', () => {
  it.each([
    [{ ttl: '1h' }, 'key'],
    [{ key: 'id' }, 'key'],
    [{ key: run, ttl: 'soon' }, 'idempotency.ttl'],
    [{ key: run, scope: 'all' }, 'scope'],
    [{ key: run, replayError: true }, 'replayError'],
    ['yes', 'natural'],
  ])('refuses %j', async (idempotency, named) => {
    const app = createApp({ name: uniqueName(), url: 'embedded:' });
    onTestFinished(() => app.close());
    const declare = () => app.task('t', { idempotency: idempotency as 'natural', run });
    expect(declare).toThrow(expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining(named) as string }));
  });
});
