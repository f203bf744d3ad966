import * as z from 'zod/mini';

/**
 * The wire format, version 1: what Oxbow writes into a BullMQ job's `data`.
 *
 *     { "$ox": 1, "in": <input>, "h": {headers}, "x": <expires at, ms>, "k": "<idempotency>", "c": {canvas}, "o": {origin}, "f": {failure record} }
 *
 * Only `$ox` is always there; without `in` the input is undefined. Data without `$ox` is a plain BullMQ job: the data is
 * the input.
 */
export const ENVELOPE_VERSION = 1;

/** Why a job finally failed; written into its data before BullMQ moves it to `failed`. */
export interface FailureRecord {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly stack: string | undefined;
  readonly cause: FailureRecord | undefined;
}

/** `stalledCounter` of a failure that was written before the job was ever started. */
export const BEFORE_START = -1;

/** How a job ended that did not succeed. */
export type FailedEnd = 'failed' | 'cancelled' | 'expired';

/** A job that failed, and so its join. */
export interface FailureOrigin {
  /** Its node in the plan of the run. */
  readonly node: number;
  /** Public id. */
  readonly id: string;
  readonly task: string;
  readonly error: { readonly name: string; readonly message: string; readonly code: string | undefined };
  /** Joins through which it came. */
  readonly via?: readonly number[] | undefined;
  /** Its node in the plan that replaced `node`. */
  readonly inner?: number | undefined;
}

/** `attemptsMade` and `stalledCounter` when it was written: they tell a redelivery from a retry by hand. */
export interface StoredFailure {
  readonly error: FailureRecord;
  /** Undefined: failed. */
  readonly end: Exclude<FailedEnd, 'failed'> | undefined;
  readonly attemptsMade: number;
  /** Or BEFORE_START. */
  readonly stalledCounter: number;
  /** Who wrote it: host and process id. */
  readonly worker?: string | undefined;
  /** Of a join: whose failures it passes on; the error's `cause` is the first one's. */
  readonly origins?: readonly FailureOrigin[] | undefined;
}

/** Of which dead letter a job is the replay. */
export interface Origin {
  /** Public id of the dead letter. */
  readonly id: string;
  /** Of the first one, when that was a replay too. */
  readonly first?: string | undefined;
}

export interface Envelope {
  readonly input: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAt: number | undefined;
  readonly failure: StoredFailure | undefined;
  /** What a job of a run carries; execution knows its form. */
  readonly canvas: unknown;
  /** The idempotency key that the job has claimed. */
  readonly claim?: StoredClaim | undefined;
  readonly origin?: Origin | undefined;
}

/** An idempotency key as the store knows it, and what it stands for. */
export interface StoredClaim {
  readonly key: string;
  readonly fingerprint: string;
}

export type Decoded =
  | { readonly kind: 'envelope' | 'plain'; readonly envelope: Envelope }
  | { readonly kind: 'malformed'; readonly reason: string }
  | { readonly kind: 'newer'; readonly version: number };

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

const text = z.pipe(
  z.optional(z.string()),
  z.transform((given) => given),
);

const failureRecord: z.ZodMiniType<FailureRecord> = z.lazy(() =>
  z.object({
    name: z.string(),
    message: z.string(),
    code: text,
    stack: text,
    cause: z.pipe(
      z.optional(failureRecord),
      z.transform((cause) => cause),
    ),
  }),
);

const wire = z.object({
  $ox: z.literal(ENVELOPE_VERSION),
  in: z.optional(z.unknown()),
  h: z.optional(z.record(z.string(), z.string())),
  x: z.optional(z.number()),
  c: z.optional(z.unknown()),
  k: z.optional(z.unknown()),
  // oxlint-disable-next-line promise/valid-params -- no promise
  o: z.catch(z.optional(z.object({ id: z.string(), first: text })), undefined),
  f: z.optional(
    z.object({
      error: failureRecord,
      end: z.pipe(
        z.optional(z.enum(['cancelled', 'expired'])),
        z.transform((end) => end),
      ),
      attemptsMade: z.number(),
      stalledCounter: z.number(),
      worker: text,
      origins: z.optional(
        z.array(
          z.object({
            node: z.number(),
            id: z.string(),
            task: z.string(),
            error: z.object({ name: z.string(), message: z.string(), code: text }),
            via: z.optional(z.array(z.number())),
            inner: z.optional(z.number()),
          }),
        ),
      ),
    }),
  ),
});

/** JSON text of an envelope around input that is JSON text already; undefined when there is none. */
export function encodeEnvelope(
  inputText: string | undefined,
  headersText: string | undefined,
  expiresAt: number | undefined,
  canvasText?: string,
  claim?: StoredClaim,
): string {
  const input = inputText === undefined ? '' : `,"in":${inputText}`;
  const headers = headersText === undefined ? '' : `,"h":${headersText}`;
  const expires = expiresAt === undefined ? '' : `,"x":${expiresAt}`;
  const canvas = canvasText === undefined ? '' : `,"c":${canvasText}`;
  const key = claim === undefined ? '' : `,"k":"${claimText(claim)}"`;
  return `{"$ox":${ENVELOPE_VERSION}${input}${headers}${expires}${key}${canvas}}`;
}

/** The data of a job that replays a dead letter: its input, headers and origin, and nothing of how it went. */
export function replayData(inputText: string | undefined, headers: Envelope['headers'], origin: Origin): string {
  const headersText = Object.keys(headers).length === 0 ? undefined : JSON.stringify(headers);
  return `${encodeEnvelope(inputText, headersText, undefined).slice(0, -1)},"o":${JSON.stringify(origin)}}`;
}

/** The same job data with the failure in it. */
export function withFailure(envelope: Envelope, failure: StoredFailure): object {
  return { ...toData(envelope), f: failure };
}

/** The same job data with another canvas part. */
export function withCanvas(envelope: Envelope, canvas: object): object {
  return toData({ ...envelope, canvas });
}

function toData(envelope: Envelope): object {
  return {
    $ox: ENVELOPE_VERSION,
    in: envelope.input,
    ...(envelope.headers === NO_HEADERS ? {} : { h: envelope.headers }),
    ...(envelope.expiresAt === undefined ? {} : { x: envelope.expiresAt }),
    ...(envelope.claim === undefined ? {} : { k: claimText(envelope.claim) }),
    ...(envelope.canvas === undefined ? {} : { c: envelope.canvas }),
    ...(envelope.origin === undefined ? {} : { o: envelope.origin }),
  };
}

function claimText({ key, fingerprint }: StoredClaim): string {
  return `${key}.${fingerprint}`;
}

/** Undefined for what nobody has claimed. */
function claimIn(text: unknown): StoredClaim | undefined {
  const [key = '', fingerprint = ''] = typeof text === 'string' ? text.split('.') : [];
  return key === '' || fingerprint === '' ? undefined : { key, fingerprint };
}

export function decodeEnvelope(data: unknown): Decoded {
  if (typeof data !== 'object' || data === null || !('$ox' in data)) {
    return { kind: 'plain', envelope: { input: data, headers: NO_HEADERS, expiresAt: undefined, failure: undefined, canvas: undefined } };
  }
  const version = data.$ox;
  if (typeof version === 'number' && Number.isInteger(version) && version > ENVELOPE_VERSION) return { kind: 'newer', version };
  // The form of nearly every job has nothing to check.
  if (version === ENVELOPE_VERSION && !('h' in data || 'x' in data || 'o' in data || 'f' in data || 'k' in data)) {
    return {
      kind: 'envelope',
      envelope: {
        input: (data as { readonly in?: unknown }).in,
        headers: NO_HEADERS,
        expiresAt: undefined,
        failure: undefined,
        canvas: (data as { readonly c?: unknown }).c,
      },
    };
  }
  const result = wire.safeParse(data);
  if (!result.success) {
    const issue = result.error.issues[0];
    return { kind: 'malformed', reason: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unreadable'}` };
  }
  const { in: input, h, x, c, o, f, k } = result.data;
  const claim = claimIn(k);
  const rest = { ...(claim === undefined ? {} : { claim }), ...(o === undefined ? {} : { origin: o }) };
  return { kind: 'envelope', envelope: { input, headers: h ?? NO_HEADERS, expiresAt: x, failure: f, canvas: c, ...rest } };
}
