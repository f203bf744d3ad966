import { OxbowError } from '../errors.ts';
import type { Outcome } from './outcome.ts';

const RETRY_MS = 1000;

/** A job has not failed when what surrounds its handler could not be read or written: it is put back. @throws what is no word of the engine's */
export function putBackWhenAway(thrown: unknown): Extract<Outcome, { readonly kind: 'put-back' }> {
  if (!isAway(thrown)) throw thrown;
  return { kind: 'put-back', delayMs: RETRY_MS, reason: thrown.code };
}

export function isAway(thrown: unknown): thrown is OxbowError {
  return OxbowError.is(thrown) && (thrown.code === 'engine_unavailable' || thrown.code === 'engine_refused');
}
