import { createRequire } from 'node:module';
import { createConnection, type Socket } from 'node:net';
import type * as tls from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { addressText, type RedisAddress, type RedisCredentials } from './redis-url.ts';

/** How to speak to the servers of one deployment. */
export interface RedisAccess {
  readonly credentials: RedisCredentials;
  readonly tls: ConnectionOptions | undefined;
  /** Of connecting, and of each reply. */
  readonly timeoutMs: number;
}

/** What answers commands: a {@link RedisWire}, or a client of ioredis. */
export interface RedisCaller {
  call(command: string, ...args: readonly string[]): Promise<unknown>;
}

/** An import would read all that `node:tls` has, and for that make the text of every root certificate. */
const { connect } = createRequire(import.meta.url)('node:tls') as typeof tls;

interface Waiting {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One connection that sends commands and reads their replies, and no more: once it has failed, every call rejects. For
 * few questions, and for the renewal thread, in which ioredis would cost half of its memory (docs/decisions/0024-memory.md).
 */
export class RedisWire implements RedisCaller {
  readonly #stream: Socket;
  readonly #timeoutMs: number;
  readonly #waiting: Waiting[] = [];
  #received: Buffer = Buffer.alloc(0);
  #failure: Error | undefined;

  constructor(address: RedisAddress, { credentials, tls, timeoutMs }: RedisAccess) {
    this.#timeoutMs = timeoutMs;
    this.#stream = openStream(address, tls).setNoDelay(true);
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#stream.on('error', (error) => this.#fail(error));
    this.#stream.on('close', () => this.#fail(new Error(`${addressText(address)} closed the connection.`)));
    this.#stream.on('timeout', () => this.#fail(new Error(`${addressText(address)} did not answer within ${timeoutMs} ms.`)));
    const { username = 'default', password } = credentials;
    if (password !== undefined)
      this.#send(['AUTH', username, password], { resolve: () => undefined, reject: (error) => this.#fail(error) });
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Rejects with the server's error, or with what has ended the connection. */
  call(command: string, ...args: readonly string[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#failure === undefined) this.#send([command, ...args], { resolve, reject });
      else reject(this.#failure);
    });
  }

  close(): void {
    this.#fail(new Error('The connection was closed.'));
  }

  #send(words: readonly string[], waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#stream.setTimeout(this.#timeoutMs);
    this.#stream.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
  }

  #read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    let at = 0;
    try {
      for (let reply = parse(this.#received, at); reply !== undefined; reply = parse(this.#received, at)) {
        at = reply.end;
        const waiting = this.#waiting.shift();
        if (reply.value instanceof Error) waiting?.reject(reply.value);
        else waiting?.resolve(reply.value);
      }
    } catch (error) {
      this.#fail(error as Error);
    }
    this.#received = this.#received.subarray(at);
    if (this.#waiting.length === 0) this.#stream.setTimeout(0);
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stream.destroy();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

export function openStream(address: RedisAddress, tls: ConnectionOptions | undefined): Socket {
  return tls === undefined ? createConnection({ ...address }) : connect({ ...address, ...tls });
}

interface Parsed {
  readonly value: unknown;
  readonly end: number;
}

/** One reply in RESP2; undefined while a part of it is still to come. @throws Error when it is none */
function parse(bytes: Buffer, at: number): Parsed | undefined {
  const lineEnd = bytes.indexOf('\r\n', at);
  if (lineEnd === -1) return undefined;
  const [type, line, next] = [bytes.toString('latin1', at, at + 1), bytes.toString('utf8', at + 1, lineEnd), lineEnd + 2];
  switch (type) {
    case '+':
      return { value: line, end: next };
    case '-':
      return { value: new Error(line), end: next };
    case ':':
      return { value: Number(line), end: next };
    case '$':
      return line === '-1' ? { value: null, end: next } : parseText(bytes, next, Number(line));
    case '*':
      return line === '-1' ? { value: null, end: next } : parseList(bytes, next, Number(line));
    default:
      throw new Error('The server does not answer as Redis does.');
  }
}

function parseText(bytes: Buffer, at: number, length: number): Parsed | undefined {
  const end = at + length;
  return bytes.length < end + 2 ? undefined : { value: bytes.toString('utf8', at, end), end: end + 2 };
}

function parseList(bytes: Buffer, at: number, count: number): Parsed | undefined {
  const value: unknown[] = [];
  let end = at;
  while (value.length < count) {
    const part = parse(bytes, end);
    if (part === undefined) return undefined;
    value.push(part.value);
    end = part.end;
  }
  return { value, end };
}
