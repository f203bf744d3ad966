import type { ConnectionOptions } from 'node:tls';
import { OxbowError } from '../errors.ts';
import { BullEngine } from './bull-engine.ts';
import { createEmbeddedDriver } from './embedded.ts';
import type { Engine, EngineFacts } from './engine.ts';
import { createPostgresDriver } from './postgres.ts';
import { isRedisUrl } from './redis-url.ts';
import { createRedisDriver } from './redis.ts';

export interface EngineOptions {
  readonly app: string;
  readonly url: string;
  readonly connectTimeoutMs: number;
  readonly tls: ConnectionOptions | undefined;
  /** Jobs that end are counted, in the step that ends them. @defaultValue false */
  readonly counts?: boolean | undefined;
  /** Called when the engine has been opened and checked; what it throws rejects the opening. */
  readonly onOpen: (facts: EngineFacts) => void;
  /** Connection errors, as they come; not those that reject somebody's call. */
  readonly onError: (error: Error) => void;
}

/** The engine that the URL names; nothing is connected yet. @throws OxbowError `invalid_url` */
export function createEngine(options: EngineOptions): Engine {
  const { app, url, counts } = options;
  const scheme = /^[a-z][a-z0-9+.-]*:/u.exec(url)?.[0] ?? '';
  if (scheme === 'embedded:') {
    const directory = url.slice(scheme.length);
    return new BullEngine(createEmbeddedDriver({ app, counts, directory: directory === '' ? undefined : directory }), options.onOpen);
  }
  if (isRedisUrl(url)) return new BullEngine(createRedisDriver(options), options.onOpen);
  if (scheme === 'postgres:' || scheme === 'postgresql:') return new BullEngine(createPostgresDriver(options), options.onOpen);
  const supported = 'embedded:, embedded:./directory, redis://…, rediss://…, redis+sentinel://…, redis+cluster://… and postgres://…';
  throw new OxbowError('invalid_url', `The URL names no engine${scheme === '' ? '' : ` (${scheme})`}. Supported: ${supported}.`);
}
