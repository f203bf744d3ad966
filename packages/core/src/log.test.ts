import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createLogger, createRedact, ThrottledLog, type Logger, type LogOptions } from './log.ts';

interface Line extends Record<string, unknown> {
  readonly msg: string;
}

/** A logger that writes into an array. */
function memoryLog(): { readonly log: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      lines.push(JSON.parse(chunk.toString()) as Line);
      done();
    },
  });
  return { log: pino({}, sink), lines };
}

/** What a default logger writes to stdout. */
function written(options: LogOptions, write: (log: ReturnType<typeof createLogger>) => void): readonly Line[] {
  const log = createLogger('shop', options);
  const chunks: string[] = [];
  const stream = log[pino.symbols.streamSym as never] as { write: (chunk: string) => void };
  vi.spyOn(stream, 'write').mockImplementation((chunk) => chunks.push(chunk));
  write(log);
  return chunks.map((chunk) => JSON.parse(chunk) as Line);
}

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('the default logger', () => {
  it('has the name of the app', () => {
    expect(written({ level: 'info' }, (log) => log.info('x'))).toMatchObject([{ name: 'shop', msg: 'x', level: 30 }]);
  });

  it.each(['password', 'token', 'secret', 'authorization', 'cookie', 'apiKey'])('hides %s, at the top and one level down', (key) => {
    const [line] = written({ level: 'info' }, (log) =>
      log.info({ [key]: 's3cret', user: { [key]: 's3cret', name: 'Ann' }, headers: { [key]: 's3cret' } }, 'x'),
    );
    expect(JSON.stringify(line)).not.toContain('s3cret');
    expect(line).toMatchObject({ [key]: '[Redacted]', user: { name: 'Ann' } });
  });

  it('hides what the app says, in children too', () => {
    const [line] = written({ level: 'info', redact: ['input.card', 'input.*.iban'] }, (log) =>
      log.child({ job: 'j' }).info({ input: { card: 's3cret', payer: { iban: 's3cret' }, amount: 1 } }, 'x'),
    );
    expect(line).toMatchObject({ job: 'j', input: { card: '[Redacted]', payer: { iban: '[Redacted]' }, amount: 1 } });
  });

  it('has the level that is given, else of OXBOW_LOG_LEVEL, else info', () => {
    expect(createLogger('shop', { level: 'error' }).level).toBe('error');
    vi.stubEnv('OXBOW_LOG_LEVEL', 'debug');
    expect(createLogger('shop', {}).level).toBe('debug');
    vi.stubEnv('OXBOW_LOG_LEVEL', undefined);
    expect(createLogger('shop', {}).level).toBe('info');
  });

  it('refuses a level or a path that pino does not know', () => {
    expect(() => createLogger('shop', { level: 'loud' })).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining('loud') }),
    );
    expect(() => createLogger('shop', { redact: ['a[['] })).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining('redact') }),
    );
  });
});

describe('the throttled log', () => {
  it('writes the first error at once, then one a second, with the number that it left out', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { log, lines } = memoryLog();
    const throttled = new ThrottledLog(log);
    for (let i = 0; i < 100; i++) throttled.error(new Error(`e${i}`), 'engine');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 50, msg: 'engine', err: { message: 'e0' } });
    expect(lines[0]).not.toHaveProperty('suppressed');
    vi.advanceTimersByTime(999);
    throttled.error(new Error('still too early'), 'engine');
    expect(lines).toHaveLength(1);
    vi.advanceTimersByTime(1);
    throttled.error(new Error('later'), 'engine');
    expect(lines[1]).toMatchObject({ err: { message: 'later' }, suppressed: 100 });
    vi.advanceTimersByTime(5000);
    throttled.error(new Error('much later'), 'engine');
    expect(lines[2]).not.toHaveProperty('suppressed');
  });

  it('writes one line a second for each kind of error, and one for all beyond the fiftieth', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { log, lines } = memoryLog();
    const throttled = new ThrottledLog(log);
    for (let i = 0; i < 100; i++) {
      throttled.error(new Error('OOM command not allowed'), 'engine');
      throttled.error(new Error("READONLY You can't write against a read only replica."), 'engine');
      throttled.error(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'engine');
    }
    expect(lines).toHaveLength(3);
    for (let i = 0; i < 100; i++) throttled.error(Object.assign(new Error('x'), { code: `E${i}` }), 'engine');
    expect(lines).toHaveLength(51);
  });

  it('does not write the Redis command of an error: it may hold a password', () => {
    const { log, lines } = memoryLog();
    new ThrottledLog(log).error(Object.assign(new Error('WRONGPASS'), { command: { name: 'auth', args: ['s3cret'] } }), 'engine');
    expect(JSON.stringify(lines)).not.toContain('s3cret');
  });
});

describe('what is shown and not logged', () => {
  const redact = createRedact(['card.number', '*.pin', 'input.lines[*].iban']);

  it('has no values at redacted paths, as they are and in each part', () => {
    const shown = redact({
      input: { card: { number: '4111', exp: 1 }, a: { pin: 1 }, lines: [{ iban: 'DE' }], token: 't' },
      headers: { cookie: 'c' },
    });
    expect(shown).toEqual({
      input: { card: { number: '[Redacted]', exp: 1 }, a: { pin: '[Redacted]' }, lines: [{ iban: '[Redacted]' }], token: '[Redacted]' },
      headers: { cookie: '[Redacted]' },
    });
  });

  it('is all there otherwise, however deep and long, and the original stays', () => {
    const deep = { a: { b: { c: { d: { e: { f: { g: { h: [null, 'x', 1.5, true] } } } } } } } };
    const input = { deep, many: Array.from({ length: 500 }, (_, n) => n), level: 'mine', msg: 'mine' };
    expect(redact({ input, error: undefined })).toEqual({ input, error: undefined });
    expect(redact({ input: 'text' })).toEqual({ input: 'text' });
    const given = { input: { password: 'p' } };
    redact(given);
    expect(given.input.password).toBe('p');
  });

  it('refuses a path that pino refuses', () => {
    expect(() => createRedact(['a['])).toThrow(/redact/u);
  });
});
