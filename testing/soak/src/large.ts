import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Member } from './crew.ts';
import type { EngineName, Orders } from './orders.ts';
import { Site } from './site.ts';
import { openApp } from './tasks.ts';

const LIMIT_MIB = 512;
const WITHIN_MS = 15 * 60_000;
const LOOK_MS = 200;

/** A chord over so many members: the most memory that its producer and its worker take, and the time. */
export async function large(
  engine: EngineName,
  { members, say }: { readonly members: number; readonly say: (line: string) => void },
): Promise<{ readonly passed: number; readonly failed: number }> {
  await using site = await Site.open(engine);
  const orders: Orders = {
    role: 'worker',
    url: site.url,
    app: 'large',
    ledger: join(site.folder, 'large'),
    lockMs: 30_000,
    concurrency: 50,
    handlerMs: 0,
    drain: { softMs: 1000, hardMs: 1000 },
    notes: false,
  };
  const producer = new Member({ ...orders, role: 'producer' });
  let worker: Member | undefined;
  try {
    await producer.ready;
    const startedAt = performance.now();
    const reply = await producer.ask({ kind: 'enqueue-large', members });
    if (reply?.kind !== 'enqueued') throw new Error(`not enqueued: ${reply?.kind === 'refused' ? reply.message : producer.output}`);
    const enqueuedMs = performance.now() - startedAt;
    const produced = producer.memory.peak;
    await producer.end();
    worker = new Member(orders);
    await worker.ready;
    const workedFrom = performance.now();
    const { value, peak } = await total(worker, orders, reply.id);
    const workedMs = performance.now() - workedFrom;
    say(
      `${engine}: ${members} members: enqueued in ${seconds(enqueuedMs)}, producer at most ${produced.toFixed(0)} MiB; ` +
        `run in ${seconds(workedMs)}, worker at most ${peak.toFixed(0)} MiB`,
    );
    const wrong = [
      ...(value === members ? [] : [`the result is ${String(value)}`]),
      ...(produced <= LIMIT_MIB ? [] : [`the producer took more than ${LIMIT_MIB} MiB`]),
      ...(peak <= LIMIT_MIB ? [] : [`the worker took more than ${LIMIT_MIB} MiB`]),
    ];
    for (const text of wrong) say(`failed: soak --large ${engine}: ${text}`);
    return { passed: wrong.length === 0 ? 1 : 0, failed: wrong.length };
  } finally {
    await Promise.all([producer.end(), worker?.end()]);
  }
}

/** Looks at the worker until its run is over. */
async function total(worker: Member, orders: Orders, id: string): Promise<{ readonly value: unknown; readonly peak: number }> {
  await using app = openApp(orders);
  let peak = 0;
  const looked = new AbortController();
  const looking = (async () => {
    while (!looked.signal.aborted && !worker.hasExited) {
      peak = Math.max(peak, worker.memory.peak);
      await wait(LOOK_MS, undefined, { signal: looked.signal }).catch(() => undefined);
    }
  })();
  const ended = worker.exited.then((how) => Promise.reject(new Error(`the worker ended with ${how}: ${worker.output}`)));
  try {
    const value = await Promise.race([app.run(id).result({ timeout: WITHIN_MS }), ended]);
    return { value, peak: Math.max(peak, worker.memory.peak) };
  } finally {
    ended.catch(() => undefined);
    looked.abort();
    await looking;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
