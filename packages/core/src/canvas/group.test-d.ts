/** What groups, chords, map and chunks take and give, and what must not compile. Nothing here is run. */
/* oxlint-disable vitest/expect-expect -- @ts-expect-error is an assertion */
import { describe, expectTypeOf, it } from 'vitest';
import { chain, chord, createApp, group, type FailureInfo, type RunHandle, type Settled, type Signature } from '../index.ts';

const app = createApp({ name: 'shop' });
const double = app.task('double', { run: (n: number) => n * 2 });
const text = app.task('text', { run: (n: number) => String(n) });
const fetch = app.task('fetch', { run: ({ day }: { day: string }) => ({ day, orders: [1, 2] }) });
const charge = app.task('charge', { run: ({ amount }: { amount: number }) => ({ amount }) });
const sum = app.task('sum', { run: (list: number[]) => list.length });
const pair = app.task('pair', { run: ([n, t]: [number, string]) => t.repeat(n) });
const tick = app.task('tick', { run: () => 5 });

describe('a group', () => {
  it('gives the tuple of what its members give', async () => {
    const both = group(double.s(), text.s());
    expectTypeOf(await (await both.enqueue(1)).result()).toEqualTypeOf<[number, string]>();
    chain(both, pair.s());
    expectTypeOf(chain(tick.s(), both)).toEqualTypeOf<Signature<unknown, [number, string]>>();
    // @ts-expect-error -- the tuple is the other way round
    chain(group(text.s(), double.s()), pair.s());
    // @ts-expect-error -- a list of other things
    chain(group(text.s(), text.s()), sum.s());
  });

  it('of one or none gives a list all the same', async () => {
    expectTypeOf(await (await group(double.s()).enqueue(1)).result()).toEqualTypeOf<[number]>();
    expectTypeOf(group().enqueue()).resolves.toEqualTypeOf<RunHandle<[]>>();
  });

  it('keeps the nesting of groups', async () => {
    const nested = group(double.s(), group(text.s(), double.s()));
    expectTypeOf(await (await nested.enqueue(1)).result()).toEqualTypeOf<[number, [string, number]]>();
  });

  it('of a list or an iterable gives a list', async () => {
    const members: Signature<number, number>[] = [double.s()];
    expectTypeOf(await (await group(members).enqueue(1)).result()).toEqualTypeOf<number[]>();
    expectTypeOf(await (await group(new Set(members)).enqueue(1)).result()).toEqualTypeOf<number[]>();
    expectTypeOf(await (await group(...members).enqueue(1)).result()).toEqualTypeOf<number[]>();
    expectTypeOf(await (await group([1, 2].map((n) => double.si(n))).enqueue()).result()).toEqualTypeOf<number[]>();
    expectTypeOf(await (await group([double.s(), text.s()]).enqueue(1)).result()).toEqualTypeOf<[number, string]>();
  });

  it('feeds each member the same', () => {
    const both = group(fetch.s(), charge.s());
    void both.enqueue({ day: 'x', amount: 1 });
    // @ts-expect-error -- one of the two lacks
    void both.enqueue({ day: 'x' });
    void group(fetch.s({ day: 'x' }), charge.s()).enqueue({ amount: 1 });
    void group(fetch.s({ day: 'x' }), charge.si({ amount: 1 })).enqueue();
    // @ts-expect-error -- no value is both
    void group(double.s(), fetch.s()).enqueue(5);
    // @ts-expect-error -- a step that gives what one member does not take
    chain(tick.s(), group(double.s(), fetch.s()));
  });

  it('is of signatures', () => {
    // @ts-expect-error -- a promise
    group(double.enqueue(1));
    // @ts-expect-error -- a task
    group(double, text);
    // @ts-expect-error -- promises
    group([double.enqueue(1)]);
    // @ts-expect-error -- an input
    group(5);
  });
});

describe('a policy', () => {
  const both = group(double.s(), text.s());

  it('settle gives how each member has ended', async () => {
    const [first, second] = await (await both.settle().enqueue(1)).result();
    expectTypeOf(first).toEqualTypeOf<Settled<number>>();
    if (second.status === 'succeeded') expectTypeOf(second.value).toEqualTypeOf<string>();
    else expectTypeOf(second.error).toEqualTypeOf<FailureInfo>();
  });

  it('ignore and quorum give those that succeeded', () => {
    expectTypeOf(both.ignore().enqueue(1)).resolves.toEqualTypeOf<RunHandle<(number | string)[]>>();
    expectTypeOf(both.quorum(1).cancelRest().enqueue(1)).resolves.toEqualTypeOf<RunHandle<(number | string)[]>>();
    chain(group(double.s(), double.s()).ignore(), sum.s());
    // @ts-expect-error -- no tuple any more
    chain(both.ignore(), pair.s());
    // @ts-expect-error -- how many?
    both.quorum();
  });

  it('is for groups alone', () => {
    // @ts-expect-error -- a chain
    chain(double.s()).settle();
    // @ts-expect-error -- a task
    double.s().cancelRest();
  });
});

describe('a chord', () => {
  it('gives its body what its header gives', () => {
    expectTypeOf(chord([double.s(), text.s()], pair.s())).toEqualTypeOf<Signature<number, string>>();
    expectTypeOf(chord(group(double.s(), text.s()), pair.s())).toEqualTypeOf<Signature<number, string>>();
    expectTypeOf(chord(group([1, 2].map((n) => double.si(n))), sum.s())).toEqualTypeOf<Signature<unknown, number>>();
    expectTypeOf(chord(new Set([double.s()]), sum.s())).toEqualTypeOf<Signature<number, number>>();
    expectTypeOf(chord([], sum.s())).toEqualTypeOf<Signature<unknown, number>>();
    chord(group(double.s(), double.s()).settle(), app.task('settled', { run: (all: Settled<number>[]) => all.length }).s());
  });

  it('does not compile otherwise', () => {
    // @ts-expect-error -- the body takes numbers
    chord([text.s()], sum.s());
    // @ts-expect-error -- no body
    chord([double.s()]);
    // @ts-expect-error -- a chain is no header
    chord(chain(double.s()), sum.s());
    // @ts-expect-error -- nor a single signature
    chord(double.s(), sum.s());
    // @ts-expect-error -- promises
    chord([double.enqueue(1)], sum.s());
    // @ts-expect-error -- a task
    chord([double.s()], sum);
    // @ts-expect-error -- nothing given
    void chord([double.s()], sum.s()).enqueue();
  });
});

describe('map and chunks', () => {
  it('give lists, and take nothing', () => {
    expectTypeOf(double.map([1, 2])).toEqualTypeOf<Signature<unknown, number[]>>();
    expectTypeOf(double.map(new Set([1]))).toEqualTypeOf<Signature<unknown, number[]>>();
    chain(double.chunks([1, 2, 3], 2), app.task('lists', { run: (lists: number[][]) => lists.length }).s());
    void double.map([1]).enqueue();
    // @ts-expect-error -- of another type
    double.map(['1']);
    // @ts-expect-error -- one is no list
    double.map(1);
    // @ts-expect-error -- no size
    double.chunks([1]);
  });
});
