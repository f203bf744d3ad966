import { describe, expect, it } from 'vitest';
import { chain } from './chain.ts';
import { group } from './group.ts';
import { adopted, Signature } from './signature.ts';
import { recorder, testTask } from './testing/recorder.ts';

const shop = recorder();
const a = testTask('a', shop);
const b = testTask('b', shop);
const foreign = testTask('f', recorder('billing'));

const invalid = (message: RegExp, path?: string): object =>
  expect.objectContaining({ code: 'invalid_canvas', message: expect.stringMatching(message), ...(path === undefined ? {} : { path }) });

describe('a signature', () => {
  it('is plain JSON', () => {
    const canvas = a
      .s({ x: 1 })
      .receive('y' as never)
      .with({ queue: 'q' })
      .link(b.s())
      .onError(b.si(5));
    expect(JSON.parse(JSON.stringify(canvas))).toEqual({
      type: 'task',
      task: 'a',
      input: { x: 1 },
      receive: 'y',
      options: { queue: 'q' },
      links: [{ type: 'task', task: 'b' }],
      errors: [{ type: 'task', task: 'b', input: 5, immutable: true }],
    });
    expect(canvas.toJSON()).toEqual(JSON.parse(JSON.stringify(canvas)));
  });

  it('never changes: methods give new ones', () => {
    const one = a.s();
    const before = JSON.stringify(one);
    const others = [one.with({ priority: 3 }), one.link(b.s()), one.onError(b.s()), one.pipe(b.s()), one.receive('x' as never)];
    expect(JSON.stringify(one)).toBe(before);
    for (const other of others) expect(other).not.toBe(one);
    expect(() => Object.assign(one.toJSON(), { task: 'b' })).toThrow(TypeError);
  });

  it('keeps its input as it was when it was made', () => {
    const input = { list: [1] };
    const signature = a.si(input);
    input.list.push(2);
    expect(signature.toJSON()).toMatchObject({ input: { list: [1] } });
  });

  it('is of the same class with options, links and error handlers', () => {
    expect(a.s().with({}).link(b.s()).onError(b.s())).toBeInstanceOf(a.s().constructor);
    expect(group(a.s()).with({}).link(b.s()).onError(b.s())).toBeInstanceOf(group().constructor);
  });

  it('is known across copies of the package', () => {
    expect(Signature.is(a.s())).toBe(true);
    expect(Signature.is(group())).toBe(true);
    for (const other of [undefined, null, 'x', {}, a, a.s().toJSON(), Promise.resolve(a.s())]) expect(Signature.is(other)).toBe(false);
  });

  it.each([
    ['a Date', { at: new Date() }, 'input.at'],
    ['undefined in a list', [undefined], 'input.0'],
    ['a forbidden key', JSON.parse('{"__proto__": 1}') as object, 'input.__proto__'],
  ])('refuses %s in its input', (_, input, path) => {
    expect(() => a.si(input)).toThrow(expect.objectContaining({ code: 'serialization', path }));
  });
});

describe('links and error handlers', () => {
  it('that are the same by value are one', () => {
    const links = a
      .s()
      .link(b.s({ x: 1, y: 2 }))
      .link(b.s({ y: 2, x: 1 }))
      .link(b.s())
      .toJSON().links;
    expect(links).toHaveLength(2);
    const errors = chain(a.s()).onError(chain(b.s(), a.s())).onError(chain(b.s(), a.s())).toJSON().errors;
    expect(errors).toHaveLength(1);
  });

  it('must be signatures, of the same app', () => {
    expect(() => a.s().link(Promise.resolve(1) as never)).toThrow(invalid(/^link\(\): is a promise/u));
    expect(() => a.s().onError(a as never)).toThrow(invalid(/^onError\(\): is a task, not a signature/u));
    expect(() => a.s().link(foreign.s())).toThrow(invalid(/belongs to app "billing", the others to app "shop"/u));
    expect(() => a.s().onError(chain(foreign.s()) as never)).toThrow(invalid(/billing/u));
    expect(() => a.s().pipe(foreign.s())).toThrow(invalid(/billing/u));
  });
});

describe('options', () => {
  it('merge, the later one wins; undefined is not given', () => {
    const signature = a
      .s()
      .with({ queue: 'x', priority: 1 })
      .with({ priority: 2, delay: '5s' })
      .with({ queue: undefined } as never);
    expect(signature.toJSON().options).toEqual({ queue: 'x', priority: 2, delay: '5s' });
  });

  it.each([
    [{ dealy: 1 }, 'with(): unknown option "dealy". Did you mean "delay"?'],
    [{ retry: { atempts: 1 } }, 'with(): unknown option "retry.atempts". Did you mean "attempts"?'],
    [{ delay: 'soon' }, /^with\(\): delay must be a duration/u],
    [{ expires: -1 }, /^with\(\): expires must be a duration/u],
    [{ priority: 10 }, /^with\(\): priority/u],
    [{ retry: { attempts: 0 } }, /^with\(\): retry\.attempts/u],
    [{ headers: { a: 1 } }, /^with\(\): headers\.a/u],
    [null, /^with\(\): .*expected object/u],
  ])('that are wrong are refused: %j', (options, message) => {
    expect(() => a.s().with(options as never)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
    expect(() => a.s().with(options as never)).toThrow(message);
  });

  it.each(['unique', 'throttle', 'debounce', 'deduplication'])('%s is refused with the way that there is', (option) => {
    expect(() => chain(a.s()).with({ [option]: true })).toThrow(invalid(/idempotency/u));
  });

  it('have valid names and headers that are not too large', () => {
    expect(() => a.s().with({ queue: 'a b' })).toThrow(expect.objectContaining({ code: 'invalid_name' }));
    expect(() => a.s().with({ headers: { a: 'x'.repeat(20_000) } })).toThrow(expect.objectContaining({ code: 'payload_too_large' }));
  });
});

describe('enqueue', () => {
  it('gives tree, input and options to the app of its tasks', async () => {
    const app = recorder();
    const canvas = chain(group(), testTask('t', app).s());
    await expect(canvas.enqueue({ x: 1 }, { priority: 9 })).resolves.toMatchObject({ id: 'run@1' });
    expect(app.calls).toEqual([{ tree: canvas.toJSON(), input: { x: 1 }, options: { priority: 9 } }]);
    expect(canvas.plan({ x: 1 })).toMatchObject({ v: 1, input: { x: 1 } });
    expect(app.calls).toHaveLength(1);
  });

  it('refuses what is wrong before the app is asked', async () => {
    const app = recorder();
    const t = testTask('t', app);
    await expect(chain(t.s()).enqueue(1, { unique: true } as never)).rejects.toThrow(invalid(/unique/u));
    await expect(chain(t.s()).enqueue(1, { prioritty: 1 } as never)).rejects.toThrow(/enqueue of a canvas: .*Did you mean "priority"/u);
    expect(() => t.s().plan(1, { at: new Date() } as never)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
    expect(app.calls).toEqual([]);
  });

  it('refuses a first step that receives under a key when nothing is given', async () => {
    const waiting = a.under('y', { x: 1 });
    await expect(waiting.enqueue()).rejects.toThrow(invalid(/Task "a" receives "y", but nothing comes before it/u, ''));
    await expect(chain(group(b.s(), chain(waiting, b.s())), b.s()).enqueue()).rejects.toThrow(
      invalid(/^steps\.0\.members\.1\.steps\.0: Task "a"/u, 'steps.0.members.1.steps.0'),
    );
    const { calls } = shop;
    await waiting.enqueue(5);
    await chain(b.s(), waiting).enqueue();
    await chain(group(), waiting).enqueue();
    expect(calls.splice(0)).toHaveLength(3);
  });

  it('of a canvas without any task takes an app', async () => {
    await expect(group().enqueue()).rejects.toThrow(invalid(/app\.enqueue\(canvas\)/u));
    const app = recorder();
    await adopted(group(group()), app).enqueue(undefined as never);
    expect(app.calls).toEqual([{ tree: group(group()).toJSON(), input: undefined, options: undefined }]);
    expect(() => adopted(a.s(), app)).toThrow(invalid(/belongs to app "shop"/u));
    expect(() => adopted(a, app)).toThrow(invalid(/is a task, not a signature/u));
  });
});

describe('receive', () => {
  it('is for signatures that take a result', () => {
    const receive = (signature: object, key: unknown) => (): unknown =>
      (signature as { readonly receive: (key: unknown) => unknown }).receive(key);
    expect(receive(a.si(1), 'x')).toThrow(invalid(/whole input with si\(\) or map\(\).*Use s\(\)/u));
    expect(receive(a.map([1]), 'x')).toThrow(invalid(/si\(\) or map\(\)/u));
    expect(receive(a.s(), '__proto__')).toThrow(invalid(/prototypes/u));
    expect(receive(a.s(), '')).toThrow(invalid(/name of a field/u));
    expect(receive(a.s(), 5)).toThrow(invalid(/name of a field/u));
  });
});

describe('a partial input', () => {
  it.each([5, 'x', null, [1], () => 1])('is an object: %s is not', (partial) => {
    expect(() => a.s(partial)).toThrow(invalid(/Task "a": s\(\) takes an object/u));
  });

  it('is no promise', () => {
    expect(() => a.s(Promise.resolve({}))).toThrow(invalid(/is a promise: await it first/u));
    expect(() => a.si(Promise.resolve({}))).toThrow(invalid(/is a promise: await it first/u));
  });
});
