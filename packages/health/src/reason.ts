import { OxbowError } from '@oxbow/core';
import type { StoreState } from './store-watch.ts';

/** Why the store was not written and read; undefined when it was. The words of others may hold anything, and are left out. */
export function reasonOf({ error, late }: StoreState): string | undefined {
  if (late) return 'the store does not answer';
  if (error === undefined) return undefined;
  if (OxbowError.is(error)) return `${error.code}: ${error.message}`;
  const { code } = error as { readonly code?: unknown };
  return `the store refused the probe${typeof code === 'string' ? ` (${code})` : ''}`;
}
