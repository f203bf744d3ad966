import { createRequire } from 'node:module';
import { pino, type Logger, type LoggerOptions } from 'pino';
import { OxbowError } from './errors.ts';

export type { Logger } from 'pino';

export interface LogOptions {
  /** @defaultValue OXBOW_LOG_LEVEL, else 'info' */
  readonly level?: string;
  /** Paths whose values are replaced in logs, in pino's syntax. They apply wherever Oxbow shows data. */
  readonly redact?: readonly string[];
}

/** Values never shown, whatever the app says: at the top of what is logged, and one level down. */
const ALWAYS_REDACTED = ['password', 'token', 'secret', 'authorization', 'cookie', 'apiKey'].flatMap((key) => [key, `*.${key}`]);

/**
 * A pino logger: JSON lines, or pretty when stdout is a terminal and `pino-pretty` is installed.
 * @throws OxbowError `invalid_options` for a level or a path that pino does not take.
 */
export function createLogger(app: string, options: LogOptions): Logger {
  return guarded(() => openLogger(app, options));
}

function guarded(open: () => Logger): Logger {
  try {
    return open();
  } catch (cause) {
    throw new OxbowError(
      'invalid_options',
      `createApp(): the logger cannot be made (logLevel, OXBOW_LOG_LEVEL, redact): ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** Hides what is at the paths, in what is shown and in each of its parts. */
export type Redact = <T extends Readonly<Record<string, unknown>>>(shown: T) => T;

/** pino's own redaction, for what is not logged. @throws OxbowError `invalid_options` for a path that pino does not take */
export function createRedact(paths: readonly string[]): Redact {
  let line = '';
  const all = [...ALWAYS_REDACTED, ...paths];
  const inside = ['input', 'headers', 'error'].flatMap((part) =>
    all.map((path) => (path.startsWith('[') ? part + path : `${part}.${path}`)),
  );
  const write = (text: string): void => void (line = text);
  const logger = guarded(() => pino({ level: 'info', base: null, timestamp: false, redact: [...new Set([...all, ...inside])] }, { write }));
  return (shown) => {
    logger.info(shown);
    const hidden = JSON.parse(line) as Readonly<Record<string, unknown>>;
    return Object.fromEntries(Object.keys(shown).map((key) => [key, hidden[key]])) as typeof shown;
  };
}

function openLogger(app: string, options: LogOptions): Logger {
  const settings: LoggerOptions = {
    name: app,
    level: options.level ?? process.env['OXBOW_LOG_LEVEL'] ?? 'info',
    redact: [...ALWAYS_REDACTED, ...(options.redact ?? [])],
  };
  const pretty = process.stdout.isTTY ? loadPretty() : undefined;
  return pretty === undefined ? pino(settings) : pino(settings, pretty({ colorize: true, ignore: 'pid,hostname', sync: true }));
}

type Pretty = (options: object) => NodeJS.WritableStream;

function loadPretty(): Pretty | undefined {
  try {
    return createRequire(import.meta.url)('pino-pretty') as Pretty;
  } catch {
    return undefined;
  }
}

interface Kind {
  lastAt: number;
  suppressed: number;
}

/** Kinds beyond this share one line a second. */
const MAX_KINDS = 50;

/**
 * Logs what comes again and again at most once a second for each kind of error; the line says how many were left out.
 * The first one is logged at once.
 */
export class ThrottledLog {
  readonly #log: Logger;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: Logger) {
    this.#log = log;
  }

  error(error: Error & { command?: unknown }, message: string): void {
    // A Redis command with its arguments: payloads, passwords.
    delete error.command;
    this.line('error', { err: error }, message, kindOf(error));
  }

  /** @param which - of several kinds that have one message. */
  line(level: 'warn' | 'error', bindings: object, message: string, which = ''): void {
    const kind = this.#kind(`${message} ${which}`);
    const now = performance.now();
    if (now - kind.lastAt < 1000) {
      kind.suppressed++;
      return;
    }
    kind.lastAt = now;
    this.#log[level]({ ...bindings, ...(kind.suppressed === 0 ? {} : { suppressed: kind.suppressed }) }, message);
    kind.suppressed = 0;
  }

  #kind(name: string): Kind {
    const key = this.#kinds.has(name) || this.#kinds.size < MAX_KINDS ? name : 'others';
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = { lastAt: Number.NEGATIVE_INFINITY, suppressed: 0 };
      this.#kinds.set(key, kind);
    }
    return kind;
  }
}

/** A code, as Node and Postgres give it, or the word that Redis begins its errors with: OOM, READONLY, LOADING. */
function kindOf({ name, message, code }: Error & { readonly code?: unknown }): string {
  return typeof code === 'string' ? code : (/^[A-Z]{2,}\b/u.exec(message)?.[0] ?? name);
}
