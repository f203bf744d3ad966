import * as z from 'zod/mini';
import { InvalidCanvasError } from '../errors.ts';
import { durationOption, parseDuration } from '../task/duration.ts';
import { assertName } from '../task/name.ts';
import { encodePayload } from '../task/payload.ts';
import { parseOptions } from '../task/options.ts';
import { MAX_ATTEMPTS } from '../task/retry.ts';
import { executorOption, refuseTransaction, type SqlExecutor } from '../task/sql-executor.ts';
import type { RunOptions, SignatureOptions } from './tree.ts';

const signatureOptions: z.ZodMiniType<SignatureOptions> = z.strictObject({
  queue: z.optional(z.string()),
  priority: z.optional(z.int().check(z.gte(0), z.lte(9))),
  delay: z.optional(durationOption),
  expires: z.optional(durationOption),
  retry: z.optional(z.strictObject({ attempts: z.optional(z.int().check(z.gte(1), z.lte(MAX_ATTEMPTS))) })),
  headers: z.optional(z.record(z.string(), z.string())),
}) as z.ZodMiniType<SignatureOptions>;

const MAX_HEADERS = { bytes: 16_384, depth: 1, keys: 100 } as const;

/** What drops a job because of another: a job of a canvas that never ran would leave its successors without a value. */
const DROPPING: ReadonlySet<string> = new Set(['unique', 'throttle', 'debounce', 'deduplication']);

/**
 * Options as they travel: without those that are undefined.
 * @throws InvalidCanvasError for `unique`, `throttle`, `debounce`; OxbowError `invalid_options` (an unknown one comes with a
 * suggestion), `invalid_name`, `transaction_unsupported`; SerializationError for headers that are too large
 */
export function parseSignatureOptions(options: unknown, what: string): SignatureOptions {
  refuseDropping(options, what);
  refuseTransaction(options, what);
  const given = parseOptions(signatureOptions, options, what);
  if (given.queue !== undefined) assertName('queue', given.queue);
  if (given.delay !== undefined) parseDuration(given.delay, `${what}: delay`);
  if (given.expires !== undefined) parseDuration(given.expires, `${what}: expires`);
  if (given.headers !== undefined) encodePayload(given.headers, `${what}: headers`, MAX_HEADERS);
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const runOptions: z.ZodMiniType<RunOptions> = z.looseObject({ tx: z.optional(executorOption) }) as z.ZodMiniType<RunOptions>;

/** What is given at enqueue: options that travel, and the transaction that does not. @throws as {@link parseSignatureOptions} */
export function parseRunOptions(
  options: RunOptions | undefined,
  what: string,
): { readonly given: SignatureOptions | undefined; readonly tx: SqlExecutor | undefined } {
  if (options === undefined) return { given: undefined, tx: undefined };
  const { tx, ...rest } = parseOptions(runOptions, options, what);
  return { given: parseSignatureOptions(rest, what), tx };
}

function refuseDropping(options: unknown, what: string): void {
  if (typeof options !== 'object' || options === null) return;
  const dropping = Object.keys(options).find((key) => DROPPING.has(key));
  if (dropping !== undefined)
    throw new InvalidCanvasError(
      '',
      `${what}: "${dropping}" cannot be used inside a canvas: a job that was dropped would leave its successors without a value. Use the task's idempotency instead.`,
    );
}
