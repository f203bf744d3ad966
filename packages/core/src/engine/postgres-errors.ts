/** The server is going, coming, full or (after a failover) read-only: the same call may succeed on a new connection. */
const TRANSIENT_STATES = /^(?:08|57P0[1235]|53300|25006)/u;
const SOCKET_ERRORS = /^E(?:CONN|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN|HOST|NET)/u;
/** What pg says without a code. */
const CONNECTION_MESSAGES = /^(?:Connection terminated|timeout expired|Client (?:has encountered|was closed))/u;

/**
 * A statement failed with its connection, or found none. It may have been carried out.
 *
 * The code is what BullMQ's worker takes for a lost connection: it then repeats the end of a job until the server has it.
 */
export class PostgresConnectionError extends Error {
  readonly code = 'ECONNREFUSED';

  constructor(label: string, cause: unknown) {
    super(`${label}: no connection (${cause instanceof Error && cause.message !== '' ? cause.message : String(codeOf(cause))})`, { cause });
  }

  override get name(): string {
    return 'PostgresConnectionError';
  }
}

/** True for a failure of the connection, not of the statement. */
export function isConnectionFailure(error: unknown): boolean {
  if (error instanceof PostgresConnectionError) return true;
  if (error instanceof AggregateError) return error.errors.some(isConnectionFailure);
  const code = codeOf(error) ?? '';
  if (isSqlState(code)) return TRANSIENT_STATES.test(code);
  return SOCKET_ERRORS.test(code) || CONNECTION_MESSAGES.test((error as Error).message);
}

/** True when the server itself has answered. */
export function isAnswer(error: unknown): boolean {
  return isSqlState(codeOf(error) ?? '');
}

export function codeOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}

function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/u.test(code) && !code.startsWith('E');
}
