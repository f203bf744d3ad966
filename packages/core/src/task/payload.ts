import { SerializationError } from '../errors.ts';

/** What one payload may hold. */
export interface PayloadLimits {
  /** UTF-8 bytes of its JSON. @defaultValue 262144 (256 KiB) */
  readonly bytes: number;
  /** Objects and arrays inside one another. @defaultValue 32 */
  readonly depth: number;
  /** Keys of all objects and items of all arrays together. @defaultValue 10000 */
  readonly keys: number;
}

export const DEFAULT_LIMITS: PayloadLimits = { bytes: 262_144, depth: 32, keys: 10_000 };

/** Keys that turn into prototypes when a careless reader copies the object. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * JSON text of `value`, which comes back equal from JSON.parse. `undefined` properties are left out, as JSON does.
 * @throws SerializationError with the path: a value JSON would lose (Date, NaN, Map, BigInt, class instance, undefined
 * in an array, …), a forbidden key (`__proto__`, `constructor`, `prototype`), or a limit (`payload_too_large`).
 */
export function encodePayload(value: unknown, root: string, limits: PayloadLimits): string {
  const walk = new Walk(limits);
  const bad = walk.check(value, 0);
  if (bad !== undefined) throw new SerializationError([root, ...walk.path.reverse()].join('.'), bad, walk.code);
  const text = JSON.stringify(value);
  assertBytes(text, root, limits.bytes);
  return text;
}

/** @throws SerializationError `payload_too_large` */
function assertBytes(text: string, root: string, limit: number): void {
  const bytes = byteLength(text, limit);
  if (bytes > limit) throw new SerializationError(root, `has ${bytes} bytes of JSON; the limit is ${limit}.`, 'payload_too_large');
}

/** UTF-8 bytes, counted only when the limit could be reached. */
export function byteLength(text: string, limit: number): number {
  return text.length * 3 <= limit ? text.length : Buffer.byteLength(text);
}

/** True for a key that no payload may have. */
export function isForbiddenKey(key: string): boolean {
  return FORBIDDEN.has(key);
}

/** The path of the first forbidden key in data that another program wrote, or undefined. Bytes, which are a result, have none. */
export function forbiddenKey(value: unknown, limits: PayloadLimits): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const walk = new Walk(limits, true);
  const bad = walk.check(value, 0);
  return bad === undefined || walk.code === 'payload_too_large' ? undefined : walk.path.reverse().join('.');
}

/** One pass over a value. `path` is filled from the inside out, only when something is wrong. */
class Walk {
  readonly path: string[] = [];
  code: 'serialization' | 'payload_too_large' = 'serialization';
  readonly #limits: PayloadLimits;
  readonly #bytes: boolean;
  #keys = 0;

  /** @param bytes - whether they may be there. */
  constructor(limits: PayloadLimits, bytes = false) {
    this.#limits = limits;
    this.#bytes = bytes;
  }

  check(value: unknown, depth: number): string | undefined {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return undefined;
      case 'number':
        return Number.isFinite(value) ? undefined : `is ${value}, which JSON turns into null.`;
      case 'object':
        return value === null ? undefined : this.#checkObject(value, depth + 1);
      default:
        return `is ${value === undefined ? 'undefined' : `a ${typeof value}`}, which JSON cannot carry.`;
    }
  }

  #checkObject(value: object, depth: number): string | undefined {
    if (depth > this.#limits.depth) return this.#tooLarge(`is nested deeper than ${this.#limits.depth} levels (or refers to itself).`);
    if (Array.isArray(value)) return this.#checkItems(value, depth);
    if (this.#bytes && value instanceof Uint8Array) return undefined;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      return `is a ${value.constructor?.name ?? 'class instance'}, which JSON does not carry back. Send plain objects, arrays, strings and numbers (a date as its ISO string).`;
    }
    if ('toJSON' in value) return 'has a toJSON method, so another value would arrive than was sent.';
    return this.#checkProperties(value as Record<string, unknown>, depth);
  }

  #checkItems(items: readonly unknown[], depth: number): string | undefined {
    if ((this.#keys += items.length) > this.#limits.keys) return this.#tooManyKeys();
    for (let i = 0; i < items.length; i++) {
      const bad = this.check(items[i], depth);
      if (bad !== undefined) return this.#at(String(i), bad);
    }
    return undefined;
  }

  #checkProperties(object: Record<string, unknown>, depth: number): string | undefined {
    const keys = Object.keys(object);
    if ((this.#keys += keys.length) > this.#limits.keys) return this.#tooManyKeys();
    for (const key of keys) {
      if (FORBIDDEN.has(key)) return this.#at(key, 'is a forbidden key: it can change prototypes where it is read.');
      const value = object[key];
      const bad = value === undefined ? undefined : this.check(value, depth);
      if (bad !== undefined) return this.#at(key, bad);
    }
    return undefined;
  }

  #tooManyKeys(): string {
    return this.#tooLarge(`has more than ${this.#limits.keys} keys and items.`);
  }

  #tooLarge(message: string): string {
    this.code = 'payload_too_large';
    return message;
  }

  #at(key: string, bad: string): string {
    this.path.push(key);
    return bad;
  }
}
