import { expect, it, onTestFinished } from 'vitest';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import type { ActiveJobs, LockedJob } from './active-jobs.ts';
import { LostFetches } from './lost-fetches.ts';

const jobOf = (id: string, attemptsStarted = 1): LockedJob => ({ id, token: 'lane:0', attemptsStarted });

/** A server that shows these jobs as the lane's, and remembers what it is told to put back. */
function serverWith(...active: readonly LockedJob[]) {
  const putBack: LockedJob[] = [];
  const asked = new Gate();
  const jobs: ActiveJobs = {
    lockedBy: () => {
      asked.arrived++;
      return Promise.resolve(active);
    },
    putBack: (job) => {
      putBack.push(job);
      return Promise.resolve();
    },
  };
  const lost = new LostFetches(jobs, 'lane:');
  onTestFinished(() => lost.close());
  return { lost, putBack, asked };
}

const reset = (): Promise<void> => Promise.reject(new Error('the connection was reset'));
const isAnswer = (error: unknown): boolean => !(error as Error).message.includes('reset');

it('leaves the job of a fetch that is still under way', async () => {
  const { lost, putBack, asked } = serverWith(jobOf('late'), jobOf('gone'));
  const reply = new Gate();
  const late = lost.during(async () => reply.opened.then(() => jobOf('late')), isAnswer);
  await lost.during(reset, isAnswer).catch(() => undefined);
  await until('the server was asked', () => asked.arrived > 0);
  expect(putBack).toEqual([]);
  reply.open();
  await late;
  await until('a job was put back', () => putBack.length > 0);
  expect(putBack).toEqual([jobOf('gone')]);
});

it('leaves a job that is held, and not one that was fetched again behind its back', async () => {
  const { lost, putBack } = serverWith(jobOf('held', 1), jobOf('again', 2));
  await lost.during(() => Promise.resolve(jobOf('held', 1)), isAnswer);
  await lost.during(() => Promise.resolve(jobOf('again', 1)), isAnswer);
  await lost.during(reset, isAnswer).catch(() => undefined);
  await until('a job was put back', () => putBack.length > 0);
  expect(putBack).toEqual([jobOf('again', 2)]);
});

it('puts back a job that was given up, once a connection is lost', async () => {
  const { lost, putBack } = serverWith(jobOf('ended'));
  const held = jobOf('ended');
  await lost.during(() => Promise.resolve(held), isAnswer);
  lost.release(held);
  await lost.during(reset, isAnswer).catch(() => undefined);
  await until('it was put back', () => putBack.length > 0);
  expect(putBack[0]).toEqual(held);
});
