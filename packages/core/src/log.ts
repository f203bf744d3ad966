import { createRequire } from 'node:module';
import { pino, type Logger, type LoggerOptions } from 'pino';

export type { Logger } from 'pino';

export interface LogOptions {
  /** @defaultValue OXBOW_LOG_LEVEL, else 'info' */
  readonly level?: string;
  /** Paths whose values are replaced in logs, in pino's syntax. They apply wherever Oxbow shows data. */
  readonly redact?: readonly string[];
}

/** Values never shown, whatever the app says. */
const ALWAYS_REDACTED = ['password', 'token', 'secret', 'authorization', 'cookie', 'apiKey', 'headers.authorization', 'headers.cookie'];

/** A pino logger: JSON lines, or pretty when stdout is a terminal and `pino-pretty` is installed. */
export function createLogger(app: string, options: LogOptions): Logger {
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

  error(error: Error, message: string): void {
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
