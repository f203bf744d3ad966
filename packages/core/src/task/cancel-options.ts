import * as z from 'zod/mini';
import { parseOptions } from './options.ts';

export interface CancelOptions {
  /** What the error of the job says, cut to 500 characters. */
  readonly reason?: string;
  /**
   * What runs and does not end within half a second of being told is ended as cancelled: an isolated child is killed; a handler that is not
   * isolated goes on, but holds no slot, and what it returns counts for nothing. @defaultValue false
   */
  readonly terminate?: boolean;
}

const MAX_REASON = 500;

const cancelOptions: z.ZodMiniType<CancelOptions> = z.strictObject({
  reason: z.optional(z.string()),
  terminate: z.optional(z.boolean()),
}) as z.ZodMiniType<CancelOptions>;

/** @param otherwise - the reason when none is given. @throws OxbowError `invalid_options` */
export function parseCancelOptions(given: unknown, otherwise: string): { readonly reason: string; readonly terminate?: true } {
  const { reason = otherwise, terminate } = parseOptions(cancelOptions, typeof given === 'string' ? { reason: given } : given, 'cancel()');
  return { reason: reason.slice(0, MAX_REASON), ...(terminate === true ? { terminate } : {}) };
}
