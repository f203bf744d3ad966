/**
 * What steps of jobs have come to. Every method is atomic and one round trip.
 * @throws EngineUnavailableError, OxbowError `engine_refused`
 */
export interface StepStore {
  /** Of one job, by step. */
  read(job: string): Promise<ReadonlyMap<string, string>>;
  /** Records the step and gives the text that stands: the first one. All steps of the job are kept for `ttlMs` from now on. */
  record(step: RecordedStep): Promise<string>;
  /** Forgets the job's steps. */
  forget(job: string): Promise<void>;
}

export interface RecordedStep {
  /** As storeKey makes it. */
  readonly job: string;
  readonly step: string;
  readonly text: string;
  readonly ttlMs: number;
}
