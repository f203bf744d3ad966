import type { AttemptContext } from '../execution/context.ts';

interface Begun {
  readonly end: (value: unknown) => void;
  readonly giveUp: (error: Error) => void;
  readonly recorded: Promise<unknown>;
}

/** Steps of `ctx.once` whose function runs in a child, and whose record is here. */
export class ForwardedSteps {
  readonly #context: Pick<AttemptContext, 'once'>;
  readonly #begun = new Map<string, Begun>();

  constructor(context: Pick<AttemptContext, 'once'>) {
    this.#context = context;
  }

  /** What is on record; undefined: the child is to run it, and to end it or give it up. */
  begin(step: string): Promise<{ readonly value: unknown } | undefined> {
    return new Promise((resolve, reject) => {
      const recorded = this.#context.once(step, () => {
        const { promise, end, giveUp } = pending();
        // Its record is known in the next turn.
        queueMicrotask(() => {
          this.#begun.set(step, { end, giveUp, recorded });
          resolve(undefined);
        });
        return promise;
      });
      recorded.then((value) => resolve({ value }), reject);
    });
  }

  /** Resolves to the value when it is on record. */
  async end(step: string, value: unknown): Promise<unknown> {
    const begun = this.#begun.get(step);
    this.#begun.delete(step);
    begun?.end(value);
    return begun?.recorded;
  }

  async giveUp(step: string): Promise<void> {
    const begun = this.#begun.get(step);
    this.#begun.delete(step);
    begun?.giveUp(new Error('the step has failed'));
    await begun?.recorded.catch(() => undefined);
  }
}

function pending(): { readonly promise: Promise<unknown> } & Pick<Begun, 'end' | 'giveUp'> {
  let end: Begun['end'] = () => undefined;
  let giveUp: Begun['giveUp'] = () => undefined;
  const promise = new Promise<unknown>((resolve, reject) => {
    end = resolve;
    giveUp = reject;
  });
  return { promise, end, giveUp };
}
