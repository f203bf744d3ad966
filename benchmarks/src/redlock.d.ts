/** What of redlock is used here: its package names no types for modules. */
declare module 'redlock' {
  export interface Options {
    readonly retryCount: number;
    readonly retryDelay: number;
    readonly retryJitter: number;
    readonly automaticExtensionThreshold: number;
  }
  export default class Redlock {
    constructor(clients: readonly unknown[], options: Options);
    acquire(keys: readonly string[], ttlMs: number): Promise<{ release(): Promise<unknown> }>;
  }
}
