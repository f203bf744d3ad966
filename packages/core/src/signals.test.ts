import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { SignalBus } from './signals.ts';

const started = { id: 'j@q', task: 't', queue: 'q', attempt: 1, waitMs: 0 };

function bus(): { readonly signals: SignalBus; readonly lines: string[] } {
  const lines: string[] = [];
  return { signals: new SignalBus(pino({}, { write: (line: string) => void lines.push(line) })), lines };
}

describe('signals', () => {
  it('reach every listener of their name, synchronously, in order', () => {
    const { signals } = bus();
    const seen: unknown[] = [];
    signals.on('task:started', (event) => seen.push(['a', event]));
    signals.on('task:started', (event) => seen.push(['b', event.attempt]));
    signals.on('task:failed', () => seen.push('never'));
    signals.emit('task:started', started);
    expect(seen).toEqual([
      ['a', started],
      ['b', 1],
    ]);
  });

  it('are not wanted when nobody listens', () => {
    const { signals } = bus();
    expect(signals.wants('task:started')).toBe(false);
    const off = signals.on('task:started', () => undefined);
    expect(signals.wants('task:started')).toBe(true);
    off();
    off();
    expect(signals.wants('task:started')).toBe(false);
    expect(() => signals.emit('task:started', started)).not.toThrow();
  });

  it('are not stopped by a listener that throws; it is logged', () => {
    const { signals, lines } = bus();
    const seen: number[] = [];
    signals.on('task:started', () => {
      throw new Error('listener broke');
    });
    signals.on('task:started', ({ attempt }) => seen.push(attempt));
    expect(() => signals.emit('task:started', started)).not.toThrow();
    expect(seen).toEqual([1]);
    expect(lines.join('')).toContain('listener broke');
  });

  it('do not wait for a listener; what it rejects with is logged', async () => {
    const { signals, lines } = bus();
    // oxlint-disable-next-line no-misused-promises -- what users will do
    signals.on('task:started', () => Promise.reject(new Error('listener rejected')));
    signals.emit('task:started', started);
    await Promise.resolve();
    await Promise.resolve();
    expect(lines.join('')).toContain('listener rejected');
  });

  it('a listener may remove itself while they are sent', () => {
    const { signals } = bus();
    const seen: string[] = [];
    const off = signals.on('task:started', () => {
      off();
      seen.push('once');
    });
    signals.on('task:started', () => seen.push('always'));
    signals.emit('task:started', started);
    signals.emit('task:started', started);
    expect(seen).toEqual(['once', 'always', 'always']);
  });

  it('may have many listeners without a warning', () => {
    const { signals } = bus();
    for (let i = 0; i < 200; i++) signals.on('worker:ready', () => undefined);
    expect(signals.wants('worker:ready')).toBe(true);
  });

  it.each(['task:done', 'started', '', 'toString', '__proto__', undefined, 5, Symbol('s')])(
    'of an unknown name are refused: %s',
    (name) => {
      expect(() => bus().signals.on(name as never, () => undefined)).toThrow(
        expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining('task:started') }),
      );
    },
  );

  it.each([undefined, null, 'f', {}])('need a function, not %s', (listener) => {
    expect(() => bus().signals.on('task:started', listener as never)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  });
});
