/** Makes reports as a client and in a headless Chromium, and asserts what the page showed meanwhile. */
import { strict as assert } from 'node:assert';
import { chromium, type Browser } from 'playwright-core';
import { app } from './app.ts';
import { Delay } from './delays.ts';
import { server } from './server.ts';

await app.worker().start();
const url = await server.listen({ port: 0 });
const refused = await post({ by: 'weekday' });
assert.equal(refused.status, 422);
const accepted = await post({ by: 'destination' });
assert.equal(accepted.status, 202);
const waited = await fetch(`${url}${accepted.headers.get('location')}/result?wait=60`);
assert.equal(waited.status, 200);
assertReport(await waited.json());

// Set by whoever runs all checks; else a Chrome that is installed, if there is one.
const executablePath = process.env['OXBOW_TEST_CHROMIUM'];
const browser = await chromium.launch(executablePath === undefined ? { channel: 'chrome' } : { executablePath }).catch((error: unknown) => {
  if (executablePath !== undefined) throw error;
});
if (browser !== undefined) await look(browser);
console.log(
  browser === undefined ? 'no Chromium (OXBOW_TEST_CHROMIUM): the page was not looked at' : 'the page showed a report being made',
);
await server.close();
await app.close();

async function look(browser: Browser): Promise<void> {
  const page = await browser.newPage();
  const errors: unknown[] = [];
  page.on('pageerror', (error) => errors.push(error));
  await page.goto(url);
  const link = page.getByRole('link', { name: 'Open the report' });
  const bar = page.locator('progress');
  assert.equal(await bar.isVisible(), false);
  await page.getByRole('button').click();

  const steps: number[] = [];
  let isReloaded = false;
  const latest = Date.now() + 60_000;
  while (!(await link.isVisible())) {
    assert.ok(Date.now() < latest, `no link to a result; the bar went ${steps.join(', ')}`);
    const done = Number(await bar.getAttribute('value'));
    if (done > 0 && done !== steps.at(-1)) steps.push(done);
    if (isReloaded || steps.length < 2) continue;
    await page.reload();
    isReloaded = true;
  }
  assert.ok(isReloaded, 'the bar moved less than twice');
  assert.deepEqual(
    steps,
    steps.toSorted((a, b) => a - b),
  );
  await link.click();
  assertReport(JSON.parse(await page.locator('body').innerText()));

  await page.goBack();
  await link.waitFor();
  await page.goto(`${url}/#nothing@reports`);
  await page.getByText('There is no such report.').waitFor();
  assert.equal(await link.isVisible(), false);
  assert.deepEqual(errors, []);
  await browser.close();
}

function post(input: unknown): Promise<Response> {
  return fetch(`${url}/tasks/reports.delays`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
}

function assertReport(value: unknown): void {
  const lines = Delay.array().parse(value);
  assert.equal(
    lines.reduce((sum, { flights }) => sum + flights, 0),
    20_000,
  );
  for (const { low, mean, high } of lines) assert.ok(low <= mean && mean <= high);
}
