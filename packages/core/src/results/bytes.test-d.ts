import { Readable } from 'node:stream';
import { describe, expectTypeOf, it } from 'vitest';
import { createApp } from '../app.ts';
import { chain } from '../canvas/chain.ts';
import type { AsResult } from './bytes.ts';

const app = createApp({ name: 'types' });

describe('the type of a result', () => {
  it('is a Buffer for bytes and streams of them, and itself for all else', () => {
    const stream = app.task('stream', { run: () => Readable.from([Buffer.from('x')]) });
    expectTypeOf(stream.enqueue()).resolves.toHaveProperty('result').returns.resolves.toEqualTypeOf<Buffer>();
    const parts = app.task('parts', {
      run: async function* (size: number): AsyncGenerator<Uint8Array> {
        yield Buffer.alloc(size);
      },
    });
    expectTypeOf(parts.enqueue(1)).resolves.toHaveProperty('result').returns.resolves.toEqualTypeOf<Buffer>();
    expectTypeOf<AsResult<Uint8Array | string>>().toEqualTypeOf<Buffer | string>();
    expectTypeOf<AsResult<unknown>>().toEqualTypeOf<unknown>();
    expectTypeOf<AsResult<readonly Uint8Array[]>>().toEqualTypeOf<readonly Uint8Array[]>();
  });

  it('is what the next task of a chain takes', () => {
    const stream = app.task('stream', { run: () => Readable.from([Buffer.from('x')]) });
    const size = app.task('size', { run: (bytes: Buffer) => bytes.byteLength });
    const text = app.task('text', { run: (given: string) => given });
    expectTypeOf(chain(stream.s(), size.s()).enqueue()).resolves.toHaveProperty('result').returns.resolves.toEqualTypeOf<number>();
    // @ts-expect-error -- a Buffer is no text
    chain(stream.s(), text.s());
  });
});
