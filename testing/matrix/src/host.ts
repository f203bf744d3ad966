import type { EngineName } from './orders.ts';

/** The server of one measurement, of its own: what faults are done to. */
export interface Host extends AsyncDisposable {
  readonly port: number;
  start(): Promise<void>;
  /** SIGKILL. */
  stop(): Promise<void>;
  pause(): void;
  resume(): void;
  urlAt(port: number): string;
  /** Ends every client's connection from the server's side. */
  killClients(): Promise<void>;
  /** Redis only. */
  command(name: string, ...args: readonly string[]): Promise<unknown>;
  /** Postgres only. */
  sql(text: string): Promise<void>;
  /** Takes every connection that the server has, also those in use, until the returned function is called. Postgres only. */
  takeConnections(): Promise<() => Promise<void>>;
  /** Kills the master, and resolves when another is known as that. Sentinels only. */
  failOver(): Promise<void>;
}

export type HostKind = EngineName | 'sentinels';

/** What not every kind of server has. */
export const ABSENT: Pick<Host, 'killClients' | 'command' | 'sql' | 'takeConnections' | 'failOver'> = {
  killClients: () => noSuchThing('killClients'),
  command: () => noSuchThing('command'),
  sql: () => noSuchThing('sql'),
  takeConnections: () => noSuchThing('takeConnections'),
  failOver: () => noSuchThing('failOver'),
};

function noSuchThing(name: string): Promise<never> {
  return Promise.reject(new Error(`${name}: not on this kind of server`));
}
