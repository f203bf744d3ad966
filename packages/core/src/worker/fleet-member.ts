import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Engine } from '../engine/engine.ts';
import { toText, type WorkerFacts } from '../fleet/fleet-worker.ts';
import type { Logger } from '../log.ts';
import type { WorkerStore } from '../store/workers.ts';
import { VERSION } from '../version.ts';
import { Registration } from './registration.ts';
import { RemoteControl } from './remote-control.ts';
import type { RegistrationState } from './state.ts';
import type { Steered } from './steered.ts';

export interface FleetMemberSource {
  readonly engine: Pick<Engine, 'broadcast' | 'onBroadcast'>;
  readonly workers: WorkerStore;
  readonly leaseMs: number;
  readonly log: Logger;
  /** Names of those that it runs. */
  readonly tasks: () => Iterable<string>;
  readonly worker: Steered;
}

/** A worker's part in the fleet of its app: it can be told what to do before others see it, and until they do not any more. */
export class FleetMember {
  /** `<host>:<pid>:<random>`. */
  readonly id: string = `${hostname().replaceAll(/[^A-Za-z0-9._-]/gu, '-')}:${process.pid}:${randomBytes(6).toString('hex')}`;
  readonly #registration: Registration;
  readonly #control: RemoteControl;
  #facts: WorkerFacts = { host: hostname(), pid: process.pid, version: VERSION, startedAt: 0 };
  #entered = false;

  constructor({ engine, workers, leaseMs, log, tasks, worker }: FleetMemberSource) {
    const { id } = this;
    const text = (): string => toText(this.#facts, worker.state, [...tasks()]);
    this.#registration = new Registration({ id, workers, leaseMs, text, log });
    this.#control = new RemoteControl({ id, engine, log, worker, changed: () => this.changed() });
  }

  get registration(): RegistrationState | undefined {
    return this.#registration.state;
  }

  /** Resolves when it hears what it is told; or when the engine is away. */
  listen(): Promise<void> {
    return this.#control.start();
  }

  /** It runs. Resolves when it is in the registry; or when the engine is away. @param offsetMs - engine's clock minus this one */
  async enter(offsetMs: number): Promise<void> {
    this.#facts = { ...this.#facts, startedAt: Math.round(Date.now() + offsetMs) };
    this.#entered = true;
    await this.#registration.enter();
  }

  /** Resolves when the registry has what is true now. */
  async changed(): Promise<void> {
    if (this.#entered) await this.#registration.beat();
  }

  /** Resolves when it is out of the registry, and has answered what it was asked; or after a while. */
  async leave(): Promise<void> {
    await this.#registration.leave();
    await this.#control.stop();
  }
}
