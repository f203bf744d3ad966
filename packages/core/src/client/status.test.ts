import { describe, expect, it } from 'vitest';
import type { StoredJob } from '../engine/engine.ts';
import { toFailureRecord } from '../execution/failure.ts';
import { failureOf, isFinal, toJobStatus, type Status } from './status.ts';

const job: StoredJob = {
  id: 'j1',
  name: 'charge',
  queue: 'critical',
  state: 'waiting',
  data: { $ox: 1, in: 1 },
  returnValue: undefined,
  failedReason: undefined,
  stack: [],
  progress: 0,
  attempts: 3,
  attemptsMade: 0,
  attemptsStarted: 0,
  stalledCounter: 0,
  timestamp: 1000,
  delayMs: 0,
  priority: 0,
  processedOn: undefined,
  finishedOn: undefined,
};

function statusOf(fields: Partial<StoredJob>): ReturnType<typeof toJobStatus> {
  return toJobStatus({ ...job, ...fields }, 'j1@critical');
}

/** Data of a job that failed with `error`. */
function failedData(error: Error, end?: 'cancelled' | 'expired'): object {
  return JSON.parse(
    JSON.stringify({ $ox: 1, in: 1, f: { error: toFailureRecord(error), end, attemptsMade: 1, stalledCounter: 0 } }),
  ) as object;
}

const coded = (code: string): Error => Object.assign(new Error('why'), { code });

describe('the status of a job', () => {
  it.each<[Status, Partial<StoredJob>]>([
    ['waiting', { state: 'waiting' }],
    ['delayed', { state: 'delayed' }],
    ['parked', { state: 'waiting-children' }],
    ['started', { state: 'active' }],
    ['started', { state: 'active', attemptsMade: 1 }],
    ['retrying', { state: 'waiting', attemptsMade: 1 }],
    ['retrying', { state: 'delayed', attemptsMade: 2 }],
    ['succeeded', { state: 'completed', attemptsMade: 1 }],
    ['failed', { state: 'failed', data: failedData(new Error('x')) }],
    ['failed', { state: 'failed', data: failedData(coded('ECONNRESET')) }],
    ['failed', { state: 'failed', data: { plain: true }, failedReason: 'x' }],
    ['cancelled', { state: 'failed', data: failedData(new Error('x'), 'cancelled') }],
    ['expired', { state: 'failed', data: failedData(new Error('x'), 'expired') }],
    ['failed', { state: 'failed', data: failedData(coded('cancelled')) }],
    ['failed', { state: 'failed', data: failedData(coded('expired')) }],
    ['cancelled', { state: 'failed', data: { plain: true }, stack: ['CancelledError [cancelled]: why\n  at x'] }],
  ])('is %s of %j', (status, fields) => {
    expect(statusOf(fields).status).toBe(status);
  });

  it('is final when nothing follows', () => {
    const all: Status[] = ['waiting', 'delayed', 'parked', 'started', 'retrying', 'succeeded', 'failed', 'cancelled', 'expired', 'skipped'];
    expect(all.filter(isFinal)).toEqual(['succeeded', 'failed', 'cancelled', 'expired', 'skipped']);
  });

  it('counts attempts begun, from 0, and attempts in all, from 1', () => {
    expect(statusOf({})).toMatchObject({ attempt: 0, attempts: 3 });
    expect(statusOf({ state: 'active' })).toMatchObject({ attempt: 1 });
    expect(statusOf({ state: 'delayed', attemptsMade: 2 })).toMatchObject({ attempt: 2 });
    expect(statusOf({ state: 'completed', attemptsMade: 3 })).toMatchObject({ attempt: 3 });
    expect(statusOf({ attempts: 0 })).toMatchObject({ attempts: 1 });
  });

  it('has its times as Dates, when there are any', () => {
    expect(statusOf({})).toMatchObject({ enqueuedAt: new Date(1000), startedAt: undefined, finishedAt: undefined });
    expect(statusOf({ state: 'completed', processedOn: 2000, finishedOn: 3000 })).toMatchObject({
      startedAt: new Date(2000),
      finishedAt: new Date(3000),
    });
  });

  it.each<[unknown, object]>([
    [0, { state: undefined, progress: undefined }],
    [null, { state: undefined, progress: undefined }],
    ['50 %', { state: undefined, progress: undefined }],
    [{}, { state: undefined, progress: undefined }],
    [{ state: 'READING' }, { state: 'READING', progress: undefined }],
    [
      { done: 1, total: 2 },
      { state: undefined, progress: { done: 1, total: 2 } },
    ],
    [
      { state: 'READING', done: 1, total: 2, meta: { a: 1 } },
      { state: 'READING', progress: { done: 1, total: 2, meta: { a: 1 } } },
    ],
  ])('reads progress %j, also of other programs', (progress, expected) => {
    expect(statusOf({ progress })).toMatchObject(expected);
  });

  it('has the error of a failed job without its stack, and of no other', () => {
    const error = Object.assign(new TypeError('bad'), { code: 'E1' });
    expect(statusOf({ state: 'failed', data: failedData(error) }).error).toEqual({ name: 'TypeError', message: 'bad', code: 'E1' });
    expect(statusOf({ state: 'completed', failedReason: 'of the attempt before' }).error).toBeUndefined();
    expect(statusOf({ state: 'delayed', failedReason: 'of the attempt before' }).error).toBeUndefined();
  });
});

describe('the error of a failed job', () => {
  it('is Oxbow’s record, with its cause', () => {
    const error = new Error('top', { cause: new RangeError('root') });
    expect(failureOf({ ...job, state: 'failed', data: failedData(error), failedReason: 'top' })).toMatchObject({
      message: 'top',
      cause: { name: 'RangeError', message: 'root' },
    });
  });

  it.each([
    [['TypeError: x is not a function\n  at y'], { name: 'TypeError', message: 'reason', code: undefined }],
    [['first attempt', 'OxbowError [malformed]: x\n  at y'], { name: 'OxbowError', code: 'malformed' }],
    [['no head of a stack at all'], { name: 'Error' }],
    [[], { name: 'Error', message: 'reason' }],
  ])('is read from what BullMQ keeps when there is no record: %j', (stack, expected) => {
    const error = failureOf({ ...job, state: 'failed', data: { plain: 1 }, failedReason: 'reason', stack });
    expect({ name: error.name, message: error.message, code: (error as { code?: unknown }).code }).toMatchObject(expected);
  });

  it('is named when nothing is known', () => {
    expect(failureOf({ ...job, state: 'failed' })).toMatchObject({ name: 'Error', message: 'unknown reason' });
  });
});
