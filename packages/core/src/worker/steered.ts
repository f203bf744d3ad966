import type { WorkerState } from './state.ts';

/** What the fleet sees of a worker, and does with it. @throws OxbowError for what it refuses */
export interface Steered {
  readonly state: WorkerState;
  pause(queue?: string): void;
  resume(queue?: string): void;
  resize(queue: string, slots: number): void;
  drain(): unknown;
  /** Drains; true: then its process ends. */
  shutdown(): boolean;
}
