/** Starts the worker, the producer and Prometheus, sends a known load, and asserts by queries; then that compose.yaml mounts what is there. */
import { strict as assert } from 'node:assert';
import { access, readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { parse } from 'yaml';
import { startStack } from './stack.ts';

const MAILS = 200;
const WITHIN_MS = 60_000;
const redis = process.env['OXBOW_TEST_REDIS_URL'];

await checkCompose();
if (redis === undefined || process.env['OXBOW_TEST_PROMETHEUS'] === undefined) {
  console.log('compose.yaml names what is there; no Redis or no Prometheus, so nothing was started');
} else {
  await checkStack(redis);
  console.log(`${MAILS} mails and a report, as Prometheus has counted them; compose.yaml names what is there`);
}

async function checkStack(server: string): Promise<void> {
  // An app of its own: what is counted in the store stays there.
  const env = { OXBOW_URL: server, APP: `check-${process.pid}`, MAILS: String(MAILS), TRICKLE: 'none', OXBOW_LOG_LEVEL: 'silent' };
  const stack = await startStack(env, '500ms');
  try {
    const ask = (expression: string): Promise<number | undefined> => query(stack.url, expression);
    // Every fiftieth fails for good, every tenth is tried twice.
    const refused = MAILS / 50;
    await becomes(() => ask('sum(max by (outcome) (oxbow_queue_jobs_finished_total{queue="mail"}))'), MAILS);
    assert.equal(await ask('sum(oxbow_task_enqueued_total{task="mail.send", outcome="created"})'), MAILS);
    assert.equal(await ask('sum(oxbow_task_enqueued_total{task="report.make", outcome="created"})'), 1);
    assert.equal(await ask('sum(oxbow_task_enqueued_total{task="report.make", outcome="deduplicated"})'), 4);
    await becomes(() => ask('sum(oxbow_task_attempts_total{task="mail.send", outcome="succeeded"})'), MAILS - refused);
    assert.equal(await ask('sum(oxbow_task_attempts_total{task="mail.send", outcome="failed"})'), refused);
    assert.equal(await ask('sum(oxbow_task_attempts_total{task="mail.send", outcome="retrying"})'), MAILS / 10 + refused * 2);
    assert.equal(await ask('max(oxbow_queue_jobs{queue="mail", state="waiting"})'), 0);
    await becomes(() => ask('max(oxbow_dead_letter_jobs{queue="mail"})'), refused);
    assert.equal(await rulesOf(stack.url), 12);
  } finally {
    await stack.stop();
  }
}

async function query(server: string, expression: string): Promise<number | undefined> {
  const answer = await fetch(`${server}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`);
  const { data } = (await answer.json()) as { data: { result: readonly { value: readonly [number, string] }[] } };
  return data.result[0] === undefined ? undefined : Number(data.result[0].value[1]);
}

/** How many alert rules it evaluates without an error. */
async function rulesOf(server: string): Promise<number> {
  const { data } = (await (await fetch(`${server}/api/v1/rules`)).json()) as {
    data: { groups: readonly { rules: readonly { health: string }[] }[] };
  };
  return data.groups.flatMap(({ rules }) => rules).filter(({ health }) => health === 'ok').length;
}

async function becomes(look: () => Promise<number | undefined>, expected: number): Promise<void> {
  const until = performance.now() + WITHIN_MS;
  let seen = await look();
  while (seen !== expected && performance.now() < until) {
    await wait(100);
    seen = await look();
  }
  assert.equal(seen, expected);
}

/** Containers cannot be run everywhere; that every file they mount is there can be seen. */
async function checkCompose(): Promise<void> {
  const here = new URL('..', import.meta.url);
  const { services } = parse(await readFile(new URL('compose.yaml', here), 'utf8'), { merge: true }) as {
    services: Record<string, { volumes?: readonly string[]; depends_on?: readonly string[] }>;
  };
  for (const { volumes = [], depends_on = [] } of Object.values(services)) {
    for (const volume of volumes) await access(new URL(volume.split(':')[0] ?? '', here));
    for (const other of depends_on) assert.ok(other in services);
  }
}
