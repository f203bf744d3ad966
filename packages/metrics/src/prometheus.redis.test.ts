import { setTimeout as wait } from 'node:timers/promises';
import { createApp, type App, type Task } from '@oxbow/core';
import { prometheusProgram, PrometheusServer, until } from '@oxbow/faults';
import { deleteApp, Gate, onRedis, uniqueName, type TestEngine } from '@oxbow/faults/suite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createMetrics } from './index.ts';
import { panelQuery, RULES } from './testing/shipped.ts';

const SENT = 40;
const RETRIED = 6;
const DOOMED = 4;
const SLOW = 2;
const SLOTS = 3;
const HELD = 10;

/** A process of an app, with tasks, metrics and a target of its own. */
interface Member {
  readonly app: App;
  readonly mail: Task<string, string>;
  readonly once: Task<string, string>;
  readonly gated: Task<number, number>;
  readonly target: string;
}

onRedis((engine) => {
  describe.skipIf(prometheusProgram === undefined)('prometheus', () => {
    it('has of two workers and a producer what their load implies, by the queries of the dashboards', async () => {
      const gate = new Gate();
      const name = uniqueName();
      onTestFinished(() => deleteApp(engine, name));
      const crew = await Promise.all([openMember(engine, name, gate), openMember(engine, name, gate)]);
      const producer = await openMember(engine, name, gate, 'producer');
      const prometheus = await PrometheusServer.started({
        jobs: { workers: crew.map(({ target }) => target), producer: [producer.target] },
        scrapeIntervalMs: 250,
        rules: [RULES],
      });
      onTestFinished(() => prometheus[Symbol.asyncDispose]());
      const ask = new Questions(prometheus);
      // Counters are there, at 0, before anything happens: the first increase is seen.
      await until('all are scraped', async () => (await ask.value('sum(up)')) === 3);
      expect(await ask.value('sum(oxbow_task_attempts_total{task="mail"})')).toBe(0);

      await sendLoad(producer, ask);
      await until(
        'all has ended',
        async () =>
          (await ask.value('sum(max by (outcome) (oxbow_queue_jobs_finished_total{queue="work"}))')) === SENT + RETRIED + DOOMED + SLOW + 1,
      );
      await ask.settled();
      await assertCounters(ask);
      await assertDistributions(ask);
      await until('the rule about dead letters fires', async () => (await prometheus.firing()).includes('OxbowDeadLettersGrew'));

      await producer.gated.enqueueMany(Array.from({ length: HELD }, (_, number) => number));
      await until('every slot is taken', () => gate.arrived === 2 * SLOTS);
      await producer.app.queue('idle').pause();
      await ask.settled();
      await assertBacklog(ask);
      gate.open();
      await until('the backlog is gone', async () => (await ask.by('queue', panelQuery('Overview', 'Backlog')))['gated'] === 0);
    });
  });
});

async function openMember(engine: TestEngine, name: string, gate: Gate, role: 'worker' | 'producer' = 'worker'): Promise<Member> {
  const app = createApp({ name, url: engine.url, logLevel: 'silent', finishedCounters: true });
  const mail = app.task('mail', {
    queue: 'work',
    retry: { attempts: 2, backoff: () => 0, never: [TypeError] },
    idempotency: 'natural',
    timeout: { hard: '150ms' },
    run: async (kind: string, ctx) => {
      await wait(kind === 'slow' ? 1000 : 15, undefined, { signal: ctx.signal });
      if (kind === 'doomed') throw new TypeError('never');
      if (kind === 'retried' && ctx.attempt === 1) throw new Error('once more');
      return kind;
    },
  });
  const once = app.task('once', {
    queue: 'work',
    unique: { key: (key: string) => key, until: 'expired', ttl: '1m' },
    run: (key: string) => key,
  });
  const gated = app.task('gated', {
    queue: 'gated',
    run: async (number: number) => {
      await gate.pass();
      return number;
    },
  });
  onTestFinished(() => app.close());
  const worker = role === 'worker' ? app.worker({ queues: { work: SLOTS, gated: SLOTS } }) : undefined;
  const metrics = createMetrics(app, {
    collect: role === 'worker' ? 'process' : 'both',
    cacheMs: 0,
    ...(worker === undefined ? {} : { worker }),
  });
  const { url, close } = await metrics.listen({ port: 0 });
  onTestFinished(close);
  await worker?.start();
  return { app, mail, once, gated, target: new URL(url).host };
}

/** The first of each outcome apart: their histograms begin with what they observe first, and a rate is of what comes after that. */
async function sendLoad({ mail, once }: Member, ask: Questions): Promise<void> {
  await Promise.allSettled((await mail.enqueueMany(['sent', 'slow'])).map((handle) => handle.result()));
  await until('the first are scraped', async () => (await ask.value('sum(oxbow_task_duration_seconds_count{task="mail"})')) === 3);
  const kinds = { sent: SENT - 1, retried: RETRIED, doomed: DOOMED, slow: SLOW - 1 };
  await mail.enqueueMany(Object.entries(kinds).flatMap(([kind, count]) => Array.from({ length: count }, () => kind)));
  for (let times = 0; times < 5; times++) await once.enqueue('a');
}

/** Exactly: what counts is compared as it is, not as a rate, which Prometheus extrapolates. */
async function assertCounters(ask: Questions): Promise<void> {
  const attempts = { succeeded: SENT + RETRIED + 1, retrying: RETRIED, failed: DOOMED, timed_out: 2 * SLOW };
  const verdicts = Object.values(attempts).reduce((sum, count) => sum + count, 0);
  expect(await ask.by('outcome', raw(panelQuery('Overview', 'Attempts by outcome')))).toMatchObject({
    ...attempts,
    cancelled: 0,
    requeued: 0,
  });
  expect(await ask.by('queue', raw(panelQuery('Overview', 'Success')))).toMatchObject({ work: attempts.succeeded / verdicts });
  expect(await ask.by('queue outcome', raw(panelQuery('Overview', 'Jobs finished')))).toMatchObject({
    'work completed': attempts.succeeded,
    'work failed': DOOMED + SLOW,
    'gated completed': 0,
  });
  expect(await ask.by('task', raw(panelQuery('Overview', 'Failures', { type: 'table' })))).toEqual({ mail: DOOMED + 2 * SLOW });
  expect(await ask.by('queue', panelQuery('Overview', 'Dead letters'))).toMatchObject({ work: DOOMED + SLOW });
  expect(await ask.by('task', raw(panelQuery('Tasks', 'Retries')))).toMatchObject({ mail: RETRIED, once: 0 });
  expect(await ask.by('outcome', raw(panelQuery('Tasks', 'Enqueues by outcome')))).toMatchObject({
    created: SENT + RETRIED + DOOMED + SLOW + 1,
    deduplicated: 4,
  });
  expect(await ask.by('task', raw(panelQuery('Tasks', 'Deduplicated or replayed')))).toMatchObject({ once: 4 / 5, mail: 0 });
  expect(await ask.by('task', 'sum by (task) (oxbow_task_duration_seconds_count)')).toMatchObject({ mail: verdicts - 1, once: 1 });
  expect(await ask.by('task', 'sum by (task) (oxbow_task_queue_wait_seconds_count)')).toMatchObject({
    mail: verdicts - 1 - RETRIED - SLOW,
    once: 1,
  });
  expect(await ask.value(panelQuery('Overview', 'Store', { type: 'stat' }))).toBe(3);
}

/** Within what their buckets and the machine allow: a handler takes 15 ms or is ended after 150 ms, and a third of them waits for others. */
async function assertDistributions(ask: Questions): Promise<void> {
  for (const [refId, least] of Object.entries({ A: 0.01, B: 0.01, C: 0.1 })) {
    const { mail } = await ask.by('task', panelQuery('Tasks', 'Runtime', { refId }));
    expect(mail).toBeGreaterThan(least);
    expect(mail).toBeLessThan(1);
  }
  const { mail: waited } = await ask.by('task', panelQuery('Tasks', 'Wait, p95'));
  expect(waited).toBeGreaterThan(0.015);
  expect(waited).toBeLessThan(5);
  const ratio = (SENT + RETRIED + 1) / (SENT + 2 * RETRIED + DOOMED + 2 * SLOW + 1);
  expect(await ask.value(panelQuery('Overview', 'Success', { type: 'stat' }))).toBeCloseTo(ratio, 1);
  expect((await ask.by('task', panelQuery('Overview', 'Top tasks by runtime', { type: 'table' })))['mail']).toBeGreaterThan(0);
}

async function assertBacklog(ask: Questions): Promise<void> {
  expect(await ask.by('queue', panelQuery('Overview', 'Backlog'))).toMatchObject({ gated: HELD, work: 0 });
  expect(await ask.value(panelQuery('Overview', 'Backlog', { type: 'stat' }))).toBe(HELD);
  expect(await ask.by('queue state', panelQuery('Overview', 'Jobs by state'))).toMatchObject({
    'gated active': 2 * SLOTS,
    'gated waiting': HELD - 2 * SLOTS,
    'gated delayed': 0,
    'work completed': SENT + RETRIED + 1,
    'work failed': DOOMED + SLOW,
  });
  expect(await ask.by('queue', panelQuery('Overview', 'Utilisation'))).toEqual({ gated: 1, work: 0 });
  expect(await ask.by('queue', panelQuery('Overview', 'Workers and slots'))).toMatchObject({ gated: 2, work: 2 });
  expect(await ask.by('queue', panelQuery('Overview', 'Workers and slots', { refId: 'B' }))).toMatchObject({
    gated: 2 * SLOTS,
    work: 2 * SLOTS,
  });
  expect(await ask.by('state', panelQuery('Overview', 'Worker states'))).toEqual({ running: 2 });
  const { gated: age } = await ask.by('queue', panelQuery('Overview', 'Oldest ready job'));
  expect(age).toBeGreaterThan(0);
  const { gated: longest } = await ask.by('queue', panelQuery('Overview', 'Longest running attempt'));
  expect(longest).toBeGreaterThan(0);
  // Nothing of it has ended: there is no rate to divide by. What is empty is drained.
  expect(await ask.by('queue', panelQuery('Overview', 'Time to drain'))).toMatchObject({ gated: Infinity, work: 0 });
  expect(await ask.by('queue', panelQuery('Overview', 'Overdue'))).toMatchObject({ gated: 0, work: 0 });
}

/** Counters themselves, where the dashboard has their rate or increase. */
function raw(expression: string): string {
  return expression.replaceAll(/\b(?:rate|increase)\((?<counter>[^[\]]+)\[\w+\]\)/gu, '$<counter>');
}

class Questions {
  readonly #prometheus: PrometheusServer;

  constructor(prometheus: PrometheusServer) {
    this.#prometheus = prometheus;
  }

  ask(expression: string): ReturnType<PrometheusServer['query']> {
    return this.#prometheus.query(expression);
  }

  /** Of an expression with one series. */
  async value(expression: string): Promise<number | undefined> {
    return (await this.ask(expression))[0]?.value;
  }

  /** Values of these labels, with a space between → value. */
  async by(names: string, expression: string): Promise<Readonly<Record<string, number>>> {
    const series = await this.ask(expression);
    return Object.fromEntries(
      series.map(({ labels, value }) => [
        names
          .split(' ')
          .map((name) => labels[name])
          .join(' '),
        value,
      ]),
    );
  }

  /** Resolves when all targets have been scraped again, and the store has been read again. */
  async settled(): Promise<void> {
    const nowSeconds = Date.now() / 1000;
    const isAfter = async (expression: string): Promise<boolean> => ((await this.value(expression)) ?? 0) > nowSeconds;
    await until('all is scraped', () => isAfter('min(timestamp(up))'));
    await until('the store is read', () => isAfter('max(oxbow_exporter_last_success_timestamp_seconds)'));
  }
}
