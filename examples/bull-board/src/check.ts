/** Uses the board in a headless Chromium, and asserts what the app's worker makes of it. */
import { strict as assert } from 'node:assert';
import { chromium, type Browser } from 'playwright-core';
import { openBoard } from './board.ts';
import { Board } from './browser.ts';
import { openShop, QUEUES, type Shop } from './shop.ts';

// Set by whoever runs all checks; else a Chrome that is installed, if there is one.
const executablePath = process.env['OXBOW_TEST_CHROMIUM'];
const browser = await chromium.launch(executablePath === undefined ? { channel: 'chrome' } : { executablePath }).catch((error: unknown) => {
  if (executablePath !== undefined) throw error;
});
if (browser === undefined) console.log('no Chromium (OXBOW_TEST_CHROMIUM): the board was not looked at');
// Other engines by hand: `npm run check -- embedded: postgres://…`
const [first = process.env['OXBOW_TEST_REDIS_URL'] ?? 'embedded:', ...others] = process.argv.slice(2);
if (browser !== undefined) for (const url of [first, ...others]) await look(browser, url);
await browser?.close();

async function look(chrome: Browser, engine: string): Promise<void> {
  const shop = openShop({ name: `bull-board-${process.pid}`, url: engine });
  const { url, server } = await openBoard(shop.app, { queues: QUEUES, port: 0 });
  await shop.app.worker().start();
  const page = await chrome.newPage({ viewport: { width: 1400, height: 900 } });
  page.setDefaultTimeout(15_000);
  const board = new Board(page, url);
  for (const part of [failures, delays, progress, flows, byHand, schedules]) await part(board, shop);
  assert.deepEqual(board.problems, []);
  await page.close();
  server.close();
  server.closeAllConnections();
  for (const queue of QUEUES) await shop.app.queue(queue).obliterate({ force: true });
  await shop.app.close();
  console.log(
    `${engine.split(':')[0]}: the board showed jobs, failures, progress, a flow and a schedule; what it was told to do, the worker did`,
  );
}

/** A payment that has failed is retried from the board. */
async function failures(board: Board, { app, world, charge }: Shop): Promise<void> {
  const handle = await charge.enqueue({ order: '42', amount: 10 });
  await assert.rejects(handle.result(), { code: 'task_failed' });
  await board.open('/queue/orders?status=failed', 'orders.charge');
  assert.match(await board.tab('Error'), /the payment provider is down[^]*shop\.ts/u);
  assert.match(await board.tab('Data'), /order[^]*42[^]*amount[^]*10/u);
  assert.equal((await app.deadLetters.list()).letters.length, 1);

  world.providerIsDown = false;
  await board.press('Retry');
  await board.confirm();
  await ended(async () => (await handle.status()).status === 'succeeded');
  await board.open('/queue/orders?status=completed', 'r-42');
  assert.deepEqual((await app.deadLetters.list()).letters, []);
  // Its idempotency key stands for what the retry came to.
  const again = await charge.enqueue({ order: '42', amount: 10 });
  assert.deepEqual([again.created, await again.result()], [false, { receipt: 'r-42', amount: 10 }]);
}

async function delays(board: Board, { remind }: Shop): Promise<void> {
  const handle = await remind.enqueue({ to: 'ann@example.com' }, { delay: '1h' });
  await board.open('/queue/mails?status=delayed', 'mails.remind');
  await board.press('Promote');
  await board.confirm();
  assert.deepEqual(await handle.result({ timeout: '20s' }), { sent: 'ann@example.com' });
}

async function progress(board: Board, { world, count }: Shop): Promise<void> {
  let finish: () => void = () => undefined;
  world.counted = new Promise((resolve) => (finish = resolve));
  const handle = await count.enqueue({ shelves: 8 });
  await ended(async () => (await handle.status()).progress?.done === 4);
  await board.open('/queue/reports?status=active', 'stock.count');
  await board.see('50%');
  assert.match(await board.tab('Progress'), /COUNTING/u);
  finish();
  await handle.result();
}

async function flows(board: Board, { report }: Shop): Promise<void> {
  const run = await report();
  assert.equal(await run.result(), '3 orders, 42 euros');
  await board.open(`/queue/reports/${run.id.split('@')[0]}?status=completed`, 'Job flow');
  for (const task of ['sales.render', 'sales.fetch', 'sales.sum', 'sales.number']) await board.see(task);
  await board.see('3 done');
  const picture = process.env['PICTURE'];
  if (picture !== undefined) await board.picture(picture);
}

/** A queue on hold; a job removed; one added, one made twice: what the board adds are plain BullMQ jobs, whose data is the input. */
async function byHand(board: Board, { app, remind }: Shop): Promise<void> {
  await board.open('/queue/mails', 'mails');
  await board.choose('Pause');
  await board.confirm();
  await ended(() => app.queue('mails').isPaused());
  const held = await remind.enqueue({ to: 'bob@example.com' });
  await board.open('/queue/mails?status=waiting', 'bob@example.com');
  await board.press('Clean');
  await board.confirm();
  await board.seeNone('waiting');
  await assert.rejects(held.status(), { code: 'unknown_job' });
  await board.choose('Resume');
  await board.confirm();

  await board.choose('Add job');
  await board.add('mails.remind', '{ "to": "cleo@example.com" }');
  await ended(async () => (await completed({ app }, 'mails', 'cleo@example.com')) === 1);
  await board.open('/queue/orders?status=completed', 'orders.charge');
  await board.press('Duplicate');
  await board.add(undefined, undefined);
  // The copy has the key of the first, and gives its result: nobody has paid twice.
  await ended(async () => (await completed({ app }, 'orders', 'r-42')) === 2);
}

/** How many jobs of a queue have come to a result with the text. */
async function completed({ app }: Pick<Shop, 'app'>, queue: string, text: string): Promise<number> {
  const jobs = await app.queue(queue).getCompleted();
  return jobs.filter(({ returnvalue }) => JSON.stringify(returnvalue).includes(text)).length;
}

async function schedules(board: Board, { app, world }: Shop): Promise<void> {
  await app.queue('mails').upsertJobScheduler('tick', { every: 200 }, { name: 'shop.tick', data: { every: '200 ms' } });
  await ended(() => Promise.resolve(world.ticks > 1));
  await board.open('/job-schedulers', 'shop.tick');
  await board.see('tick');
  await app.queue('mails').removeJobScheduler('tick');
}

/** Waits until it is so. */
async function ended(isSo: () => Promise<boolean>): Promise<void> {
  const latest = Date.now() + 20_000;
  while (!(await isSo())) {
    assert.ok(Date.now() < latest, `not within 20 s: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
