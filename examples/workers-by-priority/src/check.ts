/**
 * Compares unit and manifests with the code; runs `npm start` on the embedded engine; and, on a Redis, starts a process of each role, sends to five queues, asks
 * for health and metrics, ends one with SIGTERM while bulk jobs wait, starts its successor, and looks at what became of every job.
 */
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { JobStatus } from '@oxbow/core';
import { WorkerProcess } from './worker-process.ts';

const COUNTS = { capture: 30, confirm: 30, mail: 30, preview: 30, export: 200 };

const redis = process.env['OXBOW_TEST_REDIS_URL'];
// An app of its own: what is counted in the store stays there.
const env = { ...process.env, APP: `check-${process.pid}`, OXBOW_URL: redis ?? 'embedded:', OXBOW_LOG_LEVEL: 'warn' };
Object.assign(process.env, env);
const { app, router, tasks } = await import('./app.ts');
const { checkDeployment } = await import('./deployment.ts');
const { ended, send, waited } = await import('./load.ts');

const paths = await checkDeployment();
checkRoutes();
if (redis === undefined) console.log('unit and manifests fit the code; there is no Redis, so no workers were started');
await Promise.all([checkEmbedded(), redis === undefined ? undefined : checkWorkers()]);
await app.close();

function checkRoutes(): void {
  const free = { order: 1, tier: 'free' } as const;
  const premium = { order: 1, tier: 'premium' } as const;
  const night = { at: new Date('2026-11-28T23:00:00Z') };
  const backfill = { headers: { source: 'backfill' } };
  const led = [
    router.explain(tasks.capture, premium),
    router.explain(tasks.mail, premium),
    router.explain(tasks.mail, free),
    router.explain(tasks.preview, free),
    router.explain(tasks.preview, premium, backfill),
    router.explain(tasks.export, free, night),
  ].map(({ queue, by }) => `${queue} by ${by}`);
  assert.deepEqual(led, [
    'critical by payments',
    'high by premium first',
    'default by default',
    'low by task',
    'bulk by backfill',
    'low by exports at night',
  ]);
}

async function checkEmbedded(): Promise<void> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('main.ts', import.meta.url))], {
    env: { ...env, OXBOW_URL: 'embedded:' },
  });
  assert.match(stdout, /high +premium first +the input has/u);
  for (const queue of ['critical', 'high', 'default', 'low', 'bulk']) assert.match(stdout, new RegExp(`'${queue}' +│ +\\d+`, 'u'));
}

async function checkWorkers(): Promise<void> {
  const processes: WorkerProcess[] = [];
  const start = async (role: string): Promise<WorkerProcess> => {
    const started = new WorkerProcess(role, env);
    processes.push(started);
    await started.answers(paths.probes, 200);
    return started;
  };
  try {
    const [urgent, general] = await Promise.all([start('urgent'), start('general')]);
    const handles = await send(COUNTS);
    await Promise.all(handles.filter(({ id }) => id.endsWith('@critical')).map((handle) => handle.result()));
    await general.terminate();
    const { waiting = 0, active } = await app.queue('bulk').getJobCounts('waiting', 'active');
    assert.ok(waiting > 0 && active === 0, `${waiting} bulk jobs wait, ${active} are active`);
    const successor = await start('general');
    const jobs = await ended(handles);
    // Critical ones were sent last.
    assert.ok(lastEnd(jobs, 'critical') < lastEnd(jobs, 'bulk', 0.5));
    assert.deepEqual(new Set(jobs.map(({ status, attempt }) => `${status} ${attempt}`)), new Set(['succeeded 1']));
    const waits = waited(jobs);
    const sent = Object.values(COUNTS).reduce((sum, one) => sum + one, 0);
    assert.equal(
      waits.reduce((sum, one) => sum + one.jobs, 0),
      sent,
    );
    await checkMetrics(urgent, successor, waits);
    await Promise.all([urgent.terminate(), successor.terminate()]);
    console.table(waits);
    console.log(`${sent} jobs; critical ones overtook ${waiting} bulk ones; three drains, exit code 0, nothing lost`);
  } finally {
    for (const one of processes) one.kill();
  }
}

/** When so large a part of the jobs of a queue had ended. */
function lastEnd(jobs: readonly JobStatus[], queue: string, part = 1): number {
  const ends = jobs.filter((job) => job.queue === queue).map(({ finishedAt }) => Number(finishedAt));
  return ends.toSorted((a, b) => a - b)[Math.ceil(ends.length * part) - 1] ?? NaN;
}

async function checkMetrics(
  urgent: WorkerProcess,
  general: WorkerProcess,
  waits: readonly { readonly queue: string; readonly jobs: number }[],
): Promise<void> {
  const [own, all] = await Promise.all([urgent.metrics(paths.metrics), general.metrics(paths.metrics)]);
  assert.deepEqual(
    [sample(own, 'oxbow_worker_concurrency_slots', 'queue="critical"'), sample(own, 'oxbow_worker_concurrency_slots', 'queue="bulk"')],
    ['8', undefined],
  );
  for (const { queue, jobs } of waits)
    assert.equal(sample(all, 'oxbow_queue_jobs_finished_total', `queue="${queue}",outcome="completed"`), String(jobs));
}

function sample(text: string, name: string, labels: string): string | undefined {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
  return lines[0]?.split(' ').at(-1);
}
