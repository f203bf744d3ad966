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
  try {
    return openLogger(app, options);
  } catch (cause) {
    throw new OxbowError(
      'invalid_options',
      `createApp(): the logger cannot be made (logLevel, OXBOW_LOG_LEVEL, redact): ${(cause as Error).message}`,
      { cause },
    );
  }
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

/**
 * Logs what comes again and again at most once a second; the line says how many were left out.
 * The first one is logged at once.
 */
export class ThrottledLog {
  readonly #log: Logger;
  #lastAt = Number.NEGATIVE_INFINITY;
  #suppressed = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  error(error: Error & { command?: unknown }, message: string): void {
    // A Redis command with its arguments: payloads, passwords.
    delete error.command;
    const now = performance.now();
    if (now - this.#lastAt < 1000) {
      this.#suppressed++;
      return;
    }
    this.#lastAt = now;
    this.#log.error({ err: error, ...(this.#suppressed === 0 ? {} : { suppressed: this.#suppressed }) }, message);
    this.#suppressed = 0;
  }
}
