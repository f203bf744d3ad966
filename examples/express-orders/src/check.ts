/** Orders as clients do, from a payment provider that is slow, then down, then back, and asserts that everything happened once. */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { app, type Order } from './app.ts';
import { http, server } from './server.ts';

const orders = new Map<string, Order>();
const charges: string[] = [];
let answer: () => Promise<void> = () => Promise.resolve();
const charge = async (reference: string): Promise<string> => {
  charges.push(reference);
  await answer();
  return `payment of ${reference}`;
};

await app.worker({ startup: () => ({ charge, orders }) }).start();
const listening = server.listen(0);
await once(listening, 'listening');
const url = `http://localhost:${(listening.address() as AddressInfo).port}`;

await createsOnce();
await replaysDeadLetters();

await http.close();
listening.close();
await app.close();
console.log('one order for three requests; another body refused; a dead letter replayed');

async function createsOnce(): Promise<void> {
  const tea = { reference: 'PO-1', item: 'tea', quantity: 2 };
  let pay = (): void => undefined;
  const paid = new Promise<void>((resolve) => {
    pay = resolve;
  });
  answer = () => paid;

  assert.equal((await order(tea, { key: 'k1', as: 'nobody' })).status, 403);
  assert.equal((await order(tea)).status, 400);
  const first = await order(tea, { key: 'k1' });
  assert.equal(first.status, 202);
  const meanwhile = await order(tea, { key: 'k1' });
  assert.deepEqual([meanwhile.status, meanwhile.headers.get('retry-after')], [409, '1']);
  pay();
  const created = await call('GET', `${first.headers.get('location')}/result?wait=30`);
  assert.deepEqual(await created.json(), { ...tea, total: 8, payment: 'payment of PO-1' });

  const again = await order(tea, { key: 'k1' });
  assert.deepEqual([again.status, again.headers.get('location')], [202, first.headers.get('location')]);
  assert.equal((await order({ ...tea, quantity: 3 }, { key: 'k1' })).status, 422);
  assert.equal((await order({ ...tea, quantity: 0 }, { key: 'k2' })).status, 422);
  assert.deepEqual([[...orders.keys()], charges], [['PO-1'], ['PO-1']]);

  // Another client's key is another key.
  const other = await order({ reference: 'PO-2', item: 'coffee', quantity: 1 }, { key: 'k1', as: 'bob' });
  assert.equal((await call('GET', `${other.headers.get('location')}/result?wait=30`)).status, 200);
}

async function replaysDeadLetters(): Promise<void> {
  answer = () => Promise.reject(new Error('the payment provider is down'));
  const failed = await order({ reference: 'PO-3', item: 'tea', quantity: 1 }, { key: 'k3' });
  assert.equal((await call('GET', `${failed.headers.get('location')}/result?wait=30`)).status, 409);
  assert.equal((await call('GET', '/dead-letters')).status, 403);
  const [letter, ...others] = await deadLetters();
  assert.ok(letter !== undefined && others.length === 0);
  assert.deepEqual([letter.input.reference, letter.error.message, letter.attempts], ['PO-3', 'the payment provider is down', 3]);
  assert.equal((await call('POST', '/dead-letters/nothing@orders/replay', { as: 'operator' })).status, 404);

  answer = () => Promise.resolve();
  const replayed = await call('POST', `/dead-letters/${encodeURIComponent(letter.id)}/replay`, { as: 'operator' });
  assert.equal(replayed.status, 202);
  assert.equal((await call('GET', `${replayed.headers.get('location')}/result?wait=30`)).status, 200);
  assert.deepEqual([[...orders.keys()], await deadLetters()], [['PO-1', 'PO-2', 'PO-3'], []]);
}

async function deadLetters(): Promise<{ id: string; input: { reference: string }; error: { message: string }; attempts: number }[]> {
  const listed = await call('GET', '/dead-letters', { as: 'operator' });
  return ((await listed.json()) as { letters: Awaited<ReturnType<typeof deadLetters>> }).letters;
}

function order(body: unknown, { key, as = 'ann' }: { key?: string; as?: string } = {}): Promise<Response> {
  return call('POST', '/tasks/orders.create', { body, as, ...(key === undefined ? {} : { headers: { 'idempotency-key': `"${key}"` } }) });
}

function call(
  method: string,
  path: string,
  { as = 'ann', body, headers = {} }: { as?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${as}-secret`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
