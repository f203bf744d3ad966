/** Chains that fit compile, others do not: `@ts-expect-error` fails when its line compiles. Nothing here is run. */
/* oxlint-disable vitest/expect-expect -- @ts-expect-error is an assertion */
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { chain, createApp, group, type Fitting, type Misfit, type RunHandle, type Signature, type TaskSignature } from '../index.ts';

const app = createApp({ name: 'shop' });
const fetch = app.task('fetch', { input: z.object({ day: z.string() }), run: ({ day }) => ({ day, orders: [1, 2] }) });
const count = app.task('count', { run: ({ orders }: { orders: number[] }) => orders.length });
const double = app.task('double', { run: (n: number) => n * 2 });
const show = app.task('show', { run: ({ title, figures }: { title: string; figures: number[] }) => `${title}: ${figures.join()}` });
const tick = app.task('tick', { run: () => 5 });
const parsed = app.task('parsed', { input: z.object({ n: z.coerce.number<string>(), size: z.number().default(5) }), run: ({ n }) => n });

describe('a chain', () => {
  it('takes what its first step takes and gives what its last gives', () => {
    const three = chain(fetch.s(), count.s(), double.s());
    expectTypeOf(three).toEqualTypeOf<Signature<{ day: string }, number>>();
    expectTypeOf(chain(double.s())).toEqualTypeOf<Signature<number, number>>();
    expectTypeOf(fetch.s().pipe(count.s()).pipe(double.s())).toEqualTypeOf<Signature<{ day: string }, number>>();
    expectTypeOf(chain(chain(fetch.s(), count.s()), double.s())).toEqualTypeOf<Signature<{ day: string }, number>>();
    expectTypeOf(chain(fetch.si({ day: '' }), count.s())).toEqualTypeOf<Signature<unknown, number>>();
  });

  it('whose steps do not fit does not compile', () => {
    // @ts-expect-error -- double takes a number, not an object
    chain(fetch.s(), double.s());
    // @ts-expect-error -- the third of four
    chain(fetch.s(), count.s(), show.s(), double.s());
    // @ts-expect-error -- the steps are the other way round
    chain(double.s(), count.s(), fetch.s());
    // @ts-expect-error -- by pipe
    fetch.s().pipe(double.s());
    // @ts-expect-error -- inside one another
    chain(chain(fetch.s(), count.s()), count.s());
    // @ts-expect-error -- a wider value than it takes
    chain(app.task('maybe', { run: (n: number) => (n > 1 ? n : null) }).s(), double.s());
    // @ts-expect-error -- the output form of a schema is not its input form
    chain(parsed.s(), parsed.s());
  });

  it('says which values do not fit', () => {
    type Second = Fitting<[TaskSignature<string, { orders: number[] }>, TaskSignature<number, number>]>[1];
    expectTypeOf<Second>().toEqualTypeOf<Misfit<{ orders: number[] }, number>>();
  });

  it('fits whatever ignores its predecessor, and whatever takes more than comes', () => {
    chain(fetch.s(), double.si(5), tick.s(), double.s());
    const wide = app.task('wide', { run: (value: number | string | null) => [value] });
    expectTypeOf(chain(double.s(), wide.s())).toEqualTypeOf<Signature<number, (number | string | null)[]>>();
  });

  it('is of signatures, at least one', () => {
    // @ts-expect-error -- no step
    chain();
    // @ts-expect-error -- a promise
    chain(double.enqueue(1));
    // @ts-expect-error -- a task
    chain(fetch, count);
    // @ts-expect-error -- a promise, later
    chain(tick.s(), double.enqueue(1));
    // @ts-expect-error -- a list
    chain([tick.s(), double.s()]);
  });

  it('of any length is one of like steps', () => {
    const steps: [Signature<number, number>, ...Signature<number, number>[]] = [double.s()];
    expectTypeOf(chain(...steps)).toEqualTypeOf<Signature<number, number>>();
    const unlike: [Signature<number, string>, ...Signature<number, string>[]] = [app.task('text', { run: (n: number) => String(n) }).s()];
    // @ts-expect-error -- each gives what the next does not take
    chain(...unlike);
  });
});

describe('a partial input', () => {
  it('leaves the rest to the predecessor', () => {
    expectTypeOf(show.s({ title: 'x' })).toEqualTypeOf<TaskSignature<{ figures: number[] }, string>>();
    expectTypeOf(show.s()).toEqualTypeOf<TaskSignature<{ title: string; figures: number[] }, string>>();
    const figures = app.task('figures', { run: (n: number) => ({ figures: [n], more: true }) });
    chain(figures.s(), show.s({ title: 'x' }));
    // @ts-expect-error -- the title lacks
    chain(figures.s(), show.s());
  });

  it('has fields of the input, and no others', () => {
    // @ts-expect-error -- of another type
    show.s({ title: 5 });
    // @ts-expect-error -- unknown
    show.s({ titel: 'x' });
    // @ts-expect-error -- unknown, beside one that is known
    show.s({ title: 'x', color: 'red' });
    // @ts-expect-error -- a number has no parts
    double.s(5);
    // @ts-expect-error -- a list has no parts
    app.task('sum', { run: (list: number[]) => list.length }).s([1]);
  });

  it('that is complete takes an object, null or nothing', () => {
    const complete = fetch.s({ day: 'x' });
    chain(fetch.s(), complete);
    chain(app.task('none', { run: () => null }).s(), complete);
    chain(app.task('void', { run: () => undefined }).s(), complete);
    void complete.enqueue();
    // @ts-expect-error -- a number cannot be merged
    chain(double.s(), complete);
    // @ts-expect-error -- nor a list
    chain(group(double.s()), complete);
  });

  it('need not have what may be left out', () => {
    expectTypeOf(parsed.s({ size: 1 })).toEqualTypeOf<TaskSignature<{ n: string }, number>>();
    chain(fetch.s(), parsed.s({ n: '5' }));
    // @ts-expect-error -- of another type
    chain(app.task('size', { run: () => ({ size: 'big' }) }).s(), parsed.s({ n: '5' }));
  });

  it('whose field may be undefined leaves it open', () => {
    const maybe: { title: string; figures?: number[] } = { title: 'x' };
    expectTypeOf(show.s(maybe)).toEqualTypeOf<TaskSignature<{ figures: number[] }, string>>();
  });

  it('may be of one of several forms of input', () => {
    const shape = app.task('shape', { run: (input: { kind: 'circle'; r: number } | { kind: 'square'; side: number }) => input.kind });
    shape.s({ kind: 'circle' });
    shape.s({ side: 1 });
    shape.si({ kind: 'circle', r: 1 });
    // @ts-expect-error -- in none of them
    shape.s({ kind: 'line' });
  });
});

describe('receive', () => {
  it('takes the type of its key; the partial has the rest', () => {
    expectTypeOf(show.s({ title: 'x' }).receive('figures')).toEqualTypeOf<Signature<number[], string>>();
    expectTypeOf(count.s().receive('orders')).toEqualTypeOf<Signature<number[], number>>();
    chain(fetch.s(), group(count.s(), count.s()), show.s({ title: 'x' }).receive('figures'));
    expectTypeOf(parsed.s({ n: '5' }).receive('size')).toEqualTypeOf<Signature<number | undefined, number>>();
  });

  it('does not compile otherwise', () => {
    // @ts-expect-error -- the title lacks
    show.s().receive('figures');
    // @ts-expect-error -- no such field
    show.s({ title: 'x' }).receive('figure');
    // @ts-expect-error -- it has its title
    show.s({ title: 'x' }).receive('title');
    // @ts-expect-error -- a number does not land in a list
    chain(double.s(), show.s({ title: 'x' }).receive('figures'));
    // @ts-expect-error -- an immutable signature receives nothing
    show.si({ title: 'x', figures: [] }).receive('figures');
    // @ts-expect-error -- a canvas has no fields
    chain(show.s()).receive('figures');
  });
});

describe('enqueue', () => {
  it('demands what the first step lacks', async () => {
    const report = chain(fetch.s(), count.s());
    const run = await report.enqueue({ day: 'x' }, { queue: 'q', expires: '1h' });
    expectTypeOf(run).toEqualTypeOf<RunHandle<number>>();
    expectTypeOf(await run.result({ timeout: '5s' })).toEqualTypeOf<number>();
    // @ts-expect-error -- nothing given
    void report.enqueue();
    // @ts-expect-error -- of another type
    void report.enqueue({ day: 5 });
    // @ts-expect-error -- nothing given, to plan
    report.plan();
    report.plan({ day: 'x' });
  });

  it('demands nothing when nothing lacks', () => {
    void chain(fetch.s({ day: 'x' }), count.s()).enqueue();
    void chain(fetch.si({ day: 'x' }), count.s()).enqueue(undefined, { priority: 9 });
    void chain(tick.s()).enqueue();
    // @ts-expect-error -- it has its day
    void chain(fetch.s({ day: 'x' }), count.s()).enqueue({ day: 'y' });
    // @ts-expect-error -- unknown option
    void tick.s().enqueue(undefined, { unique: true });
    // @ts-expect-error -- a duration has a unit
    void tick.s().with({ delay: '5' });
  });

  it('of si takes the whole input', () => {
    // @ts-expect-error -- nothing
    fetch.si();
    // @ts-expect-error -- not all
    show.si({ title: 'x' });
    tick.si();
  });
});

describe('a signature', () => {
  it('can stand for one that takes less or gives more', () => {
    const narrow: Signature<{ a: number; b: number }, { x: number }> = {} as Signature<{ a: number }, { x: number; y: number }>;
    expectTypeOf(narrow).toEqualTypeOf<Signature<{ a: number; b: number }, { x: number }>>();
    // @ts-expect-error -- it takes more
    const more: Signature<{ a: number }, unknown> = {} as Signature<{ a: number; b: number }, unknown>;
    // @ts-expect-error -- it gives less
    const less: Signature<never, { x: number; y: number }> = {} as Signature<never, { x: number }>;
    void [more, less];
  });

  it('keeps its type with options, links and error handlers', () => {
    const alert = app.task('alert', { run: (failure: { runId: string; error: { message: string } }) => failure.runId });
    expectTypeOf(count.s().with({ queue: 'q' }).link(double.s()).onError(alert.s())).toEqualTypeOf<
      TaskSignature<{ orders: number[] }, number>
    >();
    // @ts-expect-error -- a link takes what the signature gives
    count.s().link(count.s());
    // @ts-expect-error -- an error handler takes a CanvasFailure
    count.s().onError(double.s());
    const page = app.task('page', { run: ({ channel, runId }: { channel: string; runId: string }) => channel + runId });
    chain(double.s())
      .onError(page.s({ channel: 'ops' }))
      .onError(chain(page.s({ channel: 'x' }), tick.s()));
  });
});
