import { OxbowError } from '../errors.ts';

/** The words with which Redis says that it takes no writes, or nothing, for now; Postgres's states for no disk and no memory. */
const REFUSAL = /^(?:OOM|MISCONF|NOREPLICAS|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY) /u;
const NO_RESOURCES = /^53(?:000|100|200)$/u;

/** True when the server answered that it does nothing for now, whatever was asked. */
export function isRefusal(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code } = error as { readonly code?: unknown };
  return REFUSAL.test(error.message) || (typeof code === 'string' && NO_RESOURCES.test(code));
}

/** What a caller is told of a refusal; any other error is left as it is. */
export function toCallersError(error: unknown, label: string): unknown {
  if (!isRefusal(error)) return error;
  return new OxbowError('engine_refused', `${label} refuses to work for now, and did nothing: ${error.message}`, { cause: error });
}
