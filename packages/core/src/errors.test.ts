import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as oxbow from './index.ts';
import {
  CancelledError,
  DeadlockError,
  EngineUnavailableError,
  errorCodes,
  IdempotencyMismatchError,
  HardTimeLimitError,
  HeartbeatTimeoutError,
  InvalidCanvasError,
  InvalidInputError,
  LeaseLostError,
  IsolatedTaskDiedError,
  LockLostError,
  LockTakenError,
  NonRetryableError,
  NotUniqueError,
  OxbowError,
  QuorumError,
  ResultTimeoutError,
  ResultTooLargeError,
  SerializationError,
  ShutdownError,
  SoftTimeLimitError,
  TaskFailedError,
} from './errors.ts';
import { RetryAfterError } from './task/retry.ts';

const page = await readFile(fileURLToPath(new URL('../../../docs/errors.md', import.meta.url)), 'utf8');
const cause = new Error('why');

const examples: readonly (readonly [string, string, OxbowError])[] = [
  ['OxbowError', 'closed', new OxbowError('closed', 'x')],
  ['InvalidInputError', 'invalid_input', new InvalidInputError('t', [{ path: 'a.b', message: 'no' }])],
  ['InvalidInputError', 'invalid_output', new InvalidInputError('t', [], 'invalid_output')],
  ['SerializationError', 'serialization', new SerializationError('input.a', 'is a Date')],
  ['SerializationError', 'payload_too_large', new SerializationError('input', 'is big', 'payload_too_large')],
  ['InvalidCanvasError', 'invalid_canvas', new InvalidCanvasError('steps.1', 'is no signature')],
  ['QuorumError', 'quorum', new QuorumError({ quorum: 3, succeeded: 2, members: 5 })],
  ['ResultTooLargeError', 'result_too_large', new ResultTooLargeError('t', 2, 1)],
  ['EngineUnavailableError', 'engine_unavailable', new EngineUnavailableError('redis://h:1', 5, { cause })],
  ['DeadlockError', 'deadlock', new DeadlockError('t')],
  ['ResultTimeoutError', 'result_timeout', new ResultTimeoutError('j@q', 5)],
  ['TaskFailedError', 'task_failed', new TaskFailedError('j@q', 't', cause)],
  ['TaskFailedError', 'cancelled', new TaskFailedError('j@q', 't', cause, 'cancelled')],
  ['TaskFailedError', 'expired', new TaskFailedError('j@q', 't', cause, 'expired')],
  ['NonRetryableError', 'non_retryable', new NonRetryableError('x', { cause })],
  ['CancelledError', 'cancelled', new CancelledError()],
  ['ShutdownError', 'shutdown', new ShutdownError()],
  ['LockLostError', 'lock_lost', new LockLostError('j@q')],
  ['NotUniqueError', 'not_unique', new NotUniqueError('t', 'j@q')],
  ['LockTakenError', 'lock_taken', new LockTakenError('k')],
  ['LeaseLostError', 'lease_lost', new LeaseLostError('k')],
  ['IdempotencyMismatchError', 'idempotency_mismatch', new IdempotencyMismatchError('t', 'j@q')],
  ['RetryAfterError', 'retry_after', new RetryAfterError('1s')],
  ['SoftTimeLimitError', 'soft_time_limit', new SoftTimeLimitError('t', 5)],
  ['HardTimeLimitError', 'hard_time_limit', new HardTimeLimitError('t', 5)],
  ['HeartbeatTimeoutError', 'heartbeat_timeout', new HeartbeatTimeoutError('t', 5)],
  ['IsolatedTaskDiedError', 'isolated_task_died', new IsolatedTaskDiedError('It exited with code 3', { exitCode: 3 })],
];

describe('docs/errors.md', () => {
  it('lists exactly the codes of the table, in its order, each with what it means', () => {
    const rows = [...page.matchAll(/^\| `(?<code>[a-z_]+)` \| (?<meaning>[^|]+) \|/gmu)].map(({ groups }) => [
      groups?.['code'],
      groups?.['meaning']?.trim(),
    ]);
    expect(rows).toEqual(Object.entries(errorCodes).map(([code, meaning]) => [code, meaning]));
  });

  it('names every class that callers decide by', () => {
    for (const [name] of examples) expect(page).toContain(`\`${name}\``);
  });
});

describe('errors', () => {
  it.each(examples)('%s has code %s, its name, a message and the brand', (name, code, error) => {
    expect(error).toMatchObject({ name, code });
    expect(error.message).not.toBe('');
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(OxbowError);
    expect(OxbowError.is(error)).toBe(true);
    expect(Object.keys(errorCodes)).toContain(error.code);
    expect(String(error)).toBe(`${name}: ${error.message}`);
    expect(error.stack).toContain(error.message.slice(0, 20));
  });

  it('that the package exports are all among them', () => {
    const exported = Object.entries(oxbow).filter(([, value]) => typeof value === 'function' && value.prototype instanceof Error);
    expect(exported.map(([name]) => name).toSorted()).toEqual([...new Set(examples.map(([name]) => name))].toSorted());
  });

  it('keep their cause', () => {
    expect(new NonRetryableError('x', { cause }).cause).toBe(cause);
    expect(new TaskFailedError('j@q', 't', cause)).toMatchObject({
      cause,
      jobId: 'j@q',
      task: 't',
      message: 'Job j@q of task "t" failed: why',
    });
    expect(new TaskFailedError('j@q', 't', cause, 'expired').message).toBe('Job j@q of task "t" was expired: why');
  });

  it('name the path and the issues', () => {
    expect(new SerializationError('input.a.0', 'is a Date')).toMatchObject({ path: 'input.a.0', message: 'input.a.0 is a Date' });
    expect(
      new InvalidInputError('t', [
        { path: '', message: 'no' },
        { path: 'a', message: 'bad' },
      ]).message,
    ).toBe('Input of task "t" is invalid: no; a: bad');
  });

  it('say which part of a canvas is wrong, and what a quorum came to', () => {
    expect(new InvalidCanvasError('steps.1', 'is no signature')).toMatchObject({ path: 'steps.1', message: 'steps.1: is no signature' });
    expect(new InvalidCanvasError('', 'chain() has no steps').message).toBe('chain() has no steps');
    expect(new QuorumError({ quorum: 3, succeeded: 2, members: 5 })).toMatchObject({ quorum: 3, succeeded: 2 });
  });

  it('are known across copies of the package, and nothing else is', async () => {
    // Another URL is another instance of the module, as another installed copy would be.
    const copy = (await import(/* @vite-ignore */ `./errors.ts?copy=${Date.now()}`)) as { OxbowError: typeof OxbowError };
    expect(copy.OxbowError).not.toBe(OxbowError);
    const foreign = new copy.OxbowError('closed', 'x');
    expect(foreign).not.toBeInstanceOf(OxbowError);
    expect(OxbowError.is(foreign)).toBe(true);
    expect(copy.OxbowError.is(new NonRetryableError('x'))).toBe(true);
    for (const other of [undefined, null, 'x', 5, {}, new Error('x'), { code: 'closed' }, () => 1])
      expect(OxbowError.is(other)).toBe(false);
  });

  it('do not show the brand when they are printed or copied', () => {
    expect(Object.keys(new OxbowError('closed', 'x'))).toEqual(['code']);
  });
});
