/** One process of the matrix: a worker or a producer of one side. Its orders are in MATRIX_ORDERS, and come as messages. */
import { setTimeout as wait } from 'node:timers/promises';
import { Ledger } from '@oxbow/faults';
import type { Orders, Production, Reply, Request } from './orders.ts';
import { openSide } from './side.ts';

const orders = JSON.parse(process.env['MATRIX_ORDERS'] ?? '{}') as Orders;
const ledger = new Ledger(orders.ledger);
const side = openSide(orders);

process.on('message', (request: Request) => {
  void answer(request).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit(1));
// A worker that was told to end does not stay for our messages.
if (orders.role === 'worker') process.channel?.unref();

if (orders.role === 'worker') await side.work(handle);
process.send?.('ready');

async function handle(n: string): Promise<void> {
  ledger.write('start', n);
  const { kind, ms } = orders.handler;
  if (kind === 'block') {
    const until = performance.now() + ms;
    while (performance.now() < until);
  } else if (ms > 0) await wait(ms);
  ledger.write('end', n);
}

async function answer(request: Request): Promise<Reply> {
  switch (request.kind) {
    case 'produce':
      await produce(request.production);
      return { kind: 'done' };
    case 'hostile':
      for (const [at, text] of request.texts.entries()) await add(String(request.from + at), (n) => side.addHostile(n, text));
      return { kind: 'done' };
    case 'states': {
      const states: [string, string][] = [];
      for (const [n, id] of request.ids) states.push([n, await side.state(id).catch(() => 'waiting')]);
      return { kind: 'states', states };
    }
    case 'count':
      return { kind: 'count', count: await side.count() };
  }
}

async function produce({ from, count, wave, pauseMs, delayMs, padding }: Production): Promise<void> {
  const text = 'x'.repeat(padding);
  for (let done = 0; done < count; done += wave) {
    const numbers = Array.from({ length: Math.min(wave, count - done) }, (_, at) => String(from + done + at));
    await Promise.all(numbers.map((n) => add(n, (one) => side.add(one, { delayMs, padding: text }))));
    if (pauseMs > 0) await wait(pauseMs);
  }
}

async function add(n: string, call: (n: string) => Promise<string>): Promise<void> {
  try {
    const id = await call(n);
    // BullMQ answers some refused adds with an id that says so.
    if (/^-\d+$/u.test(id)) ledger.write('rejected', n, id);
    else ledger.write('accepted', n, id);
  } catch (error) {
    ledger.write('rejected', n, (error as Error).message.slice(0, 200));
  }
}
