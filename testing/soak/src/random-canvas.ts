import type { GroupTree, JoinPolicy, TaskTree, Tree } from '@oxbow/core';
import type { Random } from '@oxbow/matrix/random';
import { alarm, chain, chord, grow, group, Labels, step } from './trees.ts';

const MAX_DEPTH = 5;
const MAX_TASKS = 60;
const LARGE = 5000;
const OTHER_QUEUES = ['slow', 'other'];

const SHARES = {
  failing: 0.02,
  flaky: 0.03,
  large: 0.03,
  grown: 0.03,
  immutable: 0.05,
  otherQueue: 0.3,
  link: 0.07,
  handler: 0.1,
  settle: 0.15,
  ignore: 0.05,
  quorum: 0.07,
  cancelRest: 0.1,
  emptyGroup: 0.04,
} as const;

/** A canvas of at most 5 scopes inside one another and 60 tasks; the same for the same random numbers. */
export function randomCanvas(random: Random, run: string): Tree {
  return new Gardener(random, run).part(0);
}

class Gardener {
  readonly #random: Random;
  readonly #labels: Labels;
  #left = MAX_TASKS;

  constructor(random: Random, run: string) {
    this.#random = random;
    this.#labels = new Labels(run);
  }

  part(depth: number): Tree {
    const kind = depth >= MAX_DEPTH || this.#left < 8 ? 'task' : this.#random.pick(depth === 0 ? COMPOSED : ANY);
    switch (kind) {
      case 'task':
        return this.#task();
      case 'chain':
        return chain(
          Array.from({ length: this.#random.between(2, 4) }, () => this.part(depth + 1)),
          this.#extras(),
        );
      case 'group':
        return this.#group(depth);
      case 'chord':
        return chord(this.#group(depth), this.part(depth + 1), this.#extras());
    }
  }

  #task(): TaskTree {
    this.#left--;
    const label = this.#labels.next();
    const queue = this.#is('otherQueue') ? { queue: this.#random.pick(OTHER_QUEUES) } : {};
    if (this.#is('grown')) return grow(label, { options: queue, ...this.#links() });
    const fail = this.#is('failing') ? ('always' as const) : this.#is('flaky') ? ('once' as const) : undefined;
    const tree = step(
      label,
      { ...(fail === undefined ? {} : { fail }), ...(this.#is('large') ? { size: LARGE } : {}) },
      { options: { ...queue, ...(fail === 'once' ? { retry: { attempts: 3 } } : {}) }, ...this.#extras() },
    );
    if (!this.#is('immutable')) return tree;
    const { receive: _, ...immutable } = tree;
    return { ...immutable, immutable: true };
  }

  #group(depth: number): GroupTree {
    const size = this.#is('emptyGroup') ? 0 : this.#random.between(1, 5);
    const members = Array.from({ length: size }, () => this.part(depth + 1));
    const join = this.#join(size);
    const rest = join === undefined && this.#is('cancelRest') ? { cancelRest: true as const } : {};
    return group(members, { ...(join === undefined ? {} : { join }), ...rest, ...this.#extras() });
  }

  #join(size: number): JoinPolicy | undefined {
    if (this.#is('settle')) return 'settle';
    if (this.#is('ignore')) return 'ignore';
    return size > 0 && this.#is('quorum') ? { quorum: this.#random.between(1, size) } : undefined;
  }

  #extras(): Pick<Tree, 'links' | 'errors'> {
    if (!this.#is('handler')) return this.#links();
    const handler = alarm(this.#labels.next());
    const errors = [this.#random.next() < 0.2 ? chain([handler, step(this.#labels.next())]) : handler];
    return { ...this.#links(), errors };
  }

  #links(): Pick<Tree, 'links'> {
    if (!this.#is('link')) return {};
    const first = step(this.#labels.next());
    const more = [step(this.#labels.next()), step(this.#labels.next())] as const;
    return { links: [this.#random.next() < 0.3 ? chord(group([first, more[0]]), more[1]) : first] };
  }

  #is(what: keyof typeof SHARES): boolean {
    return this.#random.next() < SHARES[what];
  }
}

const COMPOSED = ['chain', 'group', 'chord'] as const;
const ANY = ['task', 'task', ...COMPOSED] as const;
