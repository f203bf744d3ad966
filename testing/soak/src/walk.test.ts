import type { Tree } from '@oxbow/core';
import { Random } from '@oxbow/matrix/random';
import { describe, expect, it } from 'vitest';
import type { Evidence, FoundJob } from './evidence.ts';
import { randomCanvas } from './random-canvas.ts';
import { alarm, chain, chord, group, step } from './trees.ts';
import { Walk } from './walk.ts';

interface Told {
  readonly label: string;
  readonly from?: unknown;
  /** Of the one time that it ran; undefined: it threw. */
  readonly gave?: unknown;
  /** What is on record; what it gave when not said. */
  readonly recorded?: unknown;
}

function evidence(...told: readonly Told[]): Evidence {
  const jobs = told.map(({ label, gave, recorded = gave }, i): FoundJob => {
    const failed = gave === undefined;
    const task = label.startsWith('alarm') ? 'alarm' : 'step';
    return {
      id: `j${i}@fast`,
      task,
      state: failed ? 'failed' : 'completed',
      label,
      result: recorded,
      reason: failed ? 'thrown' : undefined,
    };
  });
  const byLabel = new Map<string, FoundJob[]>();
  for (const job of jobs) byLabel.set(job.label ?? '', [...(byLabel.get(job.label ?? '') ?? []), job]);
  return {
    jobs,
    byLabel,
    inputs: new Map(told.map(({ label, from }, i) => [`j${i}@fast`, [label.startsWith('alarm') ? from : { label, from }]])),
    outputs: new Map(told.map(({ gave }, i) => [`j${i}@fast`, gave === undefined ? [] : [gave]])),
  };
}

function findings(tree: Tree, ...told: readonly Told[]): readonly string[] {
  const walk = new Walk(evidence(...told));
  walk.run(tree, 'start', 'strict');
  return walk.findings;
}

const failure = { runId: 'r', jobId: 'j', error: { message: 'thrown' }, failures: [{}] };
const three = chord(group([step('a'), step('b')]), step('c'));

describe('a walk along a canvas', () => {
  it('finds nothing where every task was called with what came before it', () => {
    const told = [
      { label: 'a', from: 'start', gave: 1 },
      { label: 'b', from: 'start', gave: 2 },
      { label: 'c', from: [1, 2], gave: 3 },
    ];
    expect(findings(three, ...told)).toEqual([]);
  });

  it('finds a task that was called with another value than the one on record', () => {
    const told = [
      { label: 'a', from: 'start', gave: 1 },
      { label: 'b', from: 'start', gave: 2 },
      { label: 'c', from: [1, 9], gave: 3 },
    ];
    expect(findings(three, ...told)).toEqual(['c: was called with [1,9], and what came before it is [1,2]']);
  });

  it('finds a result on record that the task never gave', () => {
    expect(findings(step('a'), { label: 'a', from: 'start', gave: 1, recorded: 2 })).toEqual([
      'a: its recorded result is none that it gave',
    ]);
  });

  it('finds a task that was published as two jobs', () => {
    const once = { label: 'a', from: 'start', gave: 1 };
    expect(findings(step('a'), once, once)).toEqual(['a: published as j0@fast, j1@fast']);
  });

  it('finds a task that was never published, and one that ran after a failure', () => {
    const tree = chain([step('a', { fail: 'always' }), step('b')]);
    expect(findings(tree, { label: 'a', from: 'start' }, { label: 'b', gave: 1 })).toEqual([
      'b: is completed, though what comes before it has failed',
    ]);
    expect(findings(chain([step('a'), step('b')]), { label: 'a', from: 'start', gave: 1 })).toEqual(['b: was never published']);
  });

  it('finds an error handler that was not told, and one that had no reason to be', () => {
    const tree = chain([step('a', { fail: 'always' })], { errors: [alarm('alarm')] });
    expect(findings(tree, { label: 'a', from: 'start' })).toEqual(['alarm: was never published']);
    expect(findings(tree, { label: 'a', from: 'start' }, { label: 'alarm', from: failure, gave: 1 })).toEqual([]);
    const sound = chain([step('a')], { errors: [alarm('alarm')] });
    const told = [
      { label: 'a', from: 'start', gave: 1 },
      { label: 'alarm', from: failure, gave: 2 },
    ];
    expect(findings(sound, ...told)).toEqual(['alarm: is there, and had no reason to be']);
  });

  it('expects the task after a failed group to be told, whether the group has links or not', () => {
    const told = [
      { label: 'a', from: 'start' },
      { label: 'alarm', from: failure, gave: 1 },
    ];
    const next = { ...step('b'), errors: [alarm('alarm')] };
    for (const links of [[], [step('l')]])
      expect(findings(chain([{ ...group([step('a', { fail: 'always' })]), links }, next]), ...told)).toEqual([]);
  });

  it('takes a failed member of a settle group for what it is', () => {
    const tree = chain([group([step('a', { fail: 'always' }), step('b')], { join: 'settle' }), step('c')]);
    const from = [
      { status: 'failed', error: { message: 'thrown' } },
      { status: 'succeeded', value: 2 },
    ];
    const told = [
      { label: 'a', from: 'start' },
      { label: 'b', from: 'start', gave: 2 },
      { label: 'c', from, gave: 3 },
    ];
    expect(findings(tree, ...told)).toEqual([]);
  });

  it('takes a quorum that was missed because members were cancelled for a failure', () => {
    const inner = group([step('a'), step('b')], { join: { quorum: 2 } });
    const settled = chain([group([inner], { join: 'settle' }), step('c')]);
    const tree = group([step('d', { fail: 'always' }), settled], { cancelRest: true });
    const told = [
      { label: 'a', from: 'start', gave: 1 },
      { label: 'b', from: 'start' },
      { label: 'c', from: [{ status: 'failed', error: { name: 'QuorumError' } }], gave: 3 },
      { label: 'd', from: 'start' },
    ];
    expect(findings(tree, ...told)).toEqual([]);
  });
});

it('a random canvas is the same for the same seed', () => {
  const seeds = Array.from({ length: 50 }, (_, seed) => seed);
  const grown = (): readonly Tree[] => seeds.map((seed) => randomCanvas(new Random(seed), 'r'));
  expect(grown()).toEqual(grown());
});
