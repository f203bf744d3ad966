import type { Engine } from './engine/engine.ts';
import { OxbowError } from './errors.ts';
import type { Logger } from './log.ts';

const RECHECK_MS = 3_600_000;
/** `unknown`: the server does not tell. `none`: the engine has no such thing. */
const SAFE = new Set(['noeviction', 'none', 'unknown']);

/**
 * A Redis that may evict keys loses acknowledged jobs without a word: the policy is checked when the engine opens and
 * every hour after.
 */
export class EvictionWatch {
  readonly #engine: Engine;
  readonly #mode: 'ignore' | 'warn' | 'error';
  readonly #log: Logger;
  #policy: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(engine: Engine, mode: 'ignore' | 'warn' | 'error', log: Logger) {
    this.#engine = engine;
    this.#mode = mode;
    this.#log = log;
  }

  /** At the last look; undefined before the first. */
  get policy(): string | undefined {
    return this.#policy;
  }

  /** True when jobs may be evicted, unless that is to be ignored. */
  get evicts(): boolean {
    return this.#mode !== 'ignore' && this.#policy !== undefined && !SAFE.has(this.#policy);
  }

  /** Called with the policy found at open. @throws OxbowError `engine_unsupported` in mode `error` */
  opened(policy: string): void {
    this.#policy = policy;
    if (this.#mode === 'ignore') return;
    if (!SAFE.has(policy)) {
      const message = `The server's maxmemory-policy is ${policy}: when memory is short it evicts jobs. Set it to noeviction.`;
      if (this.#mode === 'error') throw new OxbowError('engine_unsupported', message);
      this.#log.warn({ evictionPolicy: policy }, message);
    }
    this.#timer ??= setInterval(() => void this.#recheck(), RECHECK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #recheck(): Promise<void> {
    const policy = await this.#engine.evictionPolicy().catch(() => 'unknown');
    this.#policy = policy;
    if (!SAFE.has(policy))
      this.#log.error(
        { evictionPolicy: policy },
        `The server's maxmemory-policy has become ${policy}: when memory is short it evicts jobs. Set it to noeviction.`,
      );
  }
}
