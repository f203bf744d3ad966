import type { Tree } from '@oxbow/core';
import { alarm, chain, chord, grow, group, Labels, step } from './trees.ts';

/** More members than are added at once, so that it starts through fan-out jobs. */
const MANY = 3000;
/** More than a message carries. */
const LARGE = 5000;

export interface NamedCanvas {
  readonly tree: (run: string) => Tree;
  /** It is cancelled when some of its tasks have started; it would take an hour. */
  readonly cancelled?: true;
}

/** The canvases of the crash points, by name. */
export const NAMED: Readonly<Record<string, NamedCanvas>> = {
  'chain of 4': { tree: make((next) => chain([step(next()), step(next()), step(next(), {}, { links: [step(next())] }), step(next())])) },
  'chord of 5': { tree: make((next) => chord(group(times(5, () => step(next()))), step(next()))) },
  'chain(a, group, b)': { tree: make((next) => chain([step(next()), group(times(3, () => step(next()))), step(next())])) },
  'large values': {
    tree: make((next) => {
      const members = times(3, () => step(next(), { size: LARGE }));
      return chain([
        step(next(), { size: LARGE }),
        group(members),
        step(next(), { size: LARGE }),
        group(times(2, () => step(next()))),
        step(next()),
      ]);
    }),
  },
  'nested chords': {
    tree: make((next) => {
      const inner = (): Tree => chord(group([step(next()), chain([step(next()), step(next())])]), step(next()));
      return chord(group([inner(), inner(), step(next())]), chain([step(next()), group([step(next()), step(next())])]));
    }),
  },
  'failing member': {
    tree: make((next) => {
      const failing = chain([step(next()), step(next(), { fail: 'always' }, { errors: [alarm(next())] }), step(next())]);
      const members = [
        step(next(), { fail: 'once' }, { options: { retry: { attempts: 2 } } }),
        failing,
        chain([step(next()), step(next())]),
      ];
      return chain([step(next()), group(members, { errors: [alarm(next())] }), step(next(), {}, { errors: [alarm(next())] })], {
        errors: [chain([alarm(next()), step(next())])],
      });
    }),
  },
  'settle group': {
    tree: make((next) => {
      const members = [
        step(next()),
        step(next(), { fail: 'always' }),
        chain([step(next(), { fail: 'always' }, { errors: [alarm(next())] }), step(next())]),
      ];
      return chain([group(members, { join: 'settle' }), step(next(), {}, { links: [step(next())] })], { errors: [alarm(next())] });
    }),
  },
  replace: {
    tree: make((next) => chain([step(next()), group([grow(next()), step(next())]), grow(next(), { links: [step(next())] }), step(next())])),
  },
  cancel: {
    tree: make((next) => {
      const later = (): Tree => chain([step(next()), step(next(), {}, { options: { delay: '1h' } }), step(next())]);
      return chain([step(next()), group(times(4, later)), step(next())]);
    }),
    cancelled: true,
  },
  'group of 3000': { tree: make((next) => group(times(MANY, () => step(next())))) },
};

function make(build: (next: () => string) => Tree): (run: string) => Tree {
  return (run) => {
    const labels = new Labels(run);
    return build(() => labels.next());
  };
}

function times<Value>(count: number, one: () => Value): readonly Value[] {
  return Array.from({ length: count }, one);
}
