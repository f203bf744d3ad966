/**
 * Which jobs were lost by workers whose event loops were blocked for longer than `maxBlocked`. Written by the lock renewal thread
 * (engine/lock-thread.ts); forgotten after a week.
 */
export interface BlockedJobStore {
  /** How often, by public id. One round trip. @throws EngineUnavailableError, OxbowError `engine_refused` */
  times(id: string): Promise<number>;
}
