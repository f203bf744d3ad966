import * as z from 'zod/mini';

/** What a worker can be told. */
export type Command =
  | { readonly kind: 'ping' | 'drain' | 'shutdown' }
  /** Beats, so that the registry has what is true now. */
  | { readonly kind: 'stats' }
  | { readonly kind: 'pause' | 'resume'; readonly queue?: string | undefined }
  | { readonly kind: 'resize'; readonly queue: string; readonly slots: number }
  /** null: what it was at first. */
  | { readonly kind: 'logLevel'; readonly level: string | null };

const command: z.ZodMiniType<Command> = z.union([
  z.object({ kind: z.enum(['ping', 'stats', 'drain', 'shutdown']) }),
  z.object({ kind: z.enum(['pause', 'resume']), queue: z.optional(z.string()) }),
  z.object({ kind: z.literal('resize'), queue: z.string(), slots: z.number() }),
  z.object({ kind: z.literal('logLevel'), level: z.nullable(z.string()) }),
]);

/** A command on its way. */
export interface Call {
  readonly call: string;
  /** Ids of workers; undefined: all of them. */
  readonly to?: readonly string[] | undefined;
  /** Undefined: of an Oxbow that knows more commands than this one. */
  readonly command: Command | undefined;
}

/** What one worker says to a call. */
export interface Answer {
  readonly call: string;
  readonly worker: string;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
  readonly endsProcess?: boolean | undefined;
}

const call: z.ZodMiniType<{ readonly call: string; readonly to?: readonly string[] | undefined; readonly command?: unknown }> = z.object({
  call: z.string(),
  to: z.optional(z.array(z.string())),
  command: z.unknown(),
});

const answer: z.ZodMiniType<Answer> = z.object({
  call: z.string(),
  worker: z.string(),
  error: z.optional(z.object({ code: z.string(), message: z.string() })),
  endsProcess: z.optional(z.boolean()),
});

const CALL = 'fleet:';
const ANSWER = 'fleet-answer:';

export function callMessage(sent: {
  readonly call: string;
  readonly to?: readonly string[] | undefined;
  readonly command: Command;
}): string {
  return CALL + JSON.stringify(sent);
}

/** Undefined for a message that is no call, or a broken one. */
export function toCall(message: string): Call | undefined {
  const parsed = parse(call, CALL, message);
  return parsed && { call: parsed.call, to: parsed.to, command: command.safeParse(parsed.command).data };
}

export function answerMessage(given: Answer): string {
  return ANSWER + JSON.stringify(given);
}

/** Undefined for a message that is no answer, or a broken one. */
export function toAnswer(message: string): Answer | undefined {
  return parse(answer, ANSWER, message);
}

function parse<T>(schema: z.ZodMiniType<T>, prefix: string, message: string): T | undefined {
  if (!message.startsWith(prefix)) return undefined;
  try {
    return schema.safeParse(JSON.parse(message.slice(prefix.length))).data;
  } catch {
    return undefined;
  }
}
