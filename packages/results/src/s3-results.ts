import type { Readable } from 'node:stream';
import type * as Sdk from '@aws-sdk/client-s3';
import { OxbowError, type ResultStore, type StoredEntry } from '@oxbow/core';
import { z } from 'zod';
import { Digest } from './digest.ts';
import { partsOfKey } from './key.ts';
import { parseOptions } from './options.ts';
import { piecesOf } from './pieces.ts';

/** An S3Client of `@aws-sdk/client-s3`. */
export interface S3Client {
  send(command: never): Promise<unknown>;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface S3ResultsOptions {
  /** It must be there. */
  readonly bucket: string;
  /** What stands before all keys, as `results/`. @defaultValue none */
  readonly prefix?: string;
  /** @defaultValue as the SDK finds it: AWS_REGION, the profile */
  readonly region?: string;
  /** Of a server that speaks S3 and is not Amazon’s. */
  readonly endpoint?: string;
  /** The bucket in the path instead of the host’s name. @defaultValue true with an `endpoint` */
  readonly forcePathStyle?: boolean;
  /** @defaultValue as the SDK finds them: environment, profile, role of the machine or the pod */
  readonly credentials?: S3Credentials;
  /** A client of yours, instead of the four before. */
  readonly client?: S3Client;
}

const options: z.ZodType<S3ResultsOptions> = z
  .strictObject({
    bucket: z.string().min(1),
    prefix: z.string().optional(),
    region: z.string().optional(),
    endpoint: z.string().optional(),
    forcePathStyle: z.boolean().optional(),
    credentials: z.strictObject({ accessKeyId: z.string(), secretAccessKey: z.string(), sessionToken: z.string().optional() }).optional(),
    client: z.custom<S3Client>((value) => typeof (value as S3Client | undefined)?.send === 'function', 'must be an S3Client').optional(),
  })
  .refine(
    ({ client, region, endpoint, forcePathStyle, credentials }) =>
      client === undefined || [region, endpoint, forcePathStyle, credentials].every((one) => one === undefined),
    'client has its own region, endpoint, forcePathStyle and credentials',
  ) as z.ZodType<S3ResultsOptions>;

/** One request; S3 takes parts of 5 MiB and more, and 10,000 of them. */
const PART_BYTES = 8 * 1024 * 1024;

/**
 * Results as objects of a bucket. What is over 8 MiB goes there in parts, of which two are in memory; an object is there as a whole or not at
 * all. Needs `@aws-sdk/client-s3`.
 * @throws OxbowError `invalid_options`; its methods `missing_dependency`
 */
export function s3Results(given: S3ResultsOptions): ResultStore {
  const settings = parseOptions(options, given, 's3Results()');
  const { prefix = '' } = settings;
  let bucket: Promise<Bucket> | undefined;
  const open = (): Promise<Bucket> => (bucket ??= Bucket.open(settings));
  const nameOf = (key: string): string => prefix + partsOfKey(key).join('/');
  return {
    name: 's3',
    put: async (key, source) => {
      const at = await open();
      const digest = new Digest();
      await at.put(nameOf(key), piecesOf(passing(source, digest), PART_BYTES));
      return digest.end();
    },
    get: async (key) => (await open()).get(nameOf(key)),
    delete: async (key) => (await open()).delete(nameOf(key)),
    async *list(below) {
      const at = await open();
      for await (const entry of at.list(prefix + below)) yield { ...entry, key: entry.key.slice(prefix.length) };
    },
  };
}

async function* passing(source: AsyncIterable<Uint8Array>, digest: Digest): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const bytes of source) {
    digest.add(bytes);
    yield bytes;
  }
}

interface Upload {
  readonly Key: string;
  readonly UploadId: string;
  readonly Initiated: Date;
}

class Bucket {
  readonly #sdk: typeof Sdk;
  readonly #client: Sdk.S3Client;
  readonly #name: string;

  private constructor(sdk: typeof Sdk, client: Sdk.S3Client, name: string) {
    this.#sdk = sdk;
    this.#client = client;
    this.#name = name;
  }

  static async open({ bucket, client, region, endpoint, forcePathStyle, credentials }: S3ResultsOptions): Promise<Bucket> {
    const sdk = await importSdk();
    const own = (): Sdk.S3Client =>
      new sdk.S3Client({
        ...(region === undefined ? {} : { region }),
        ...(endpoint === undefined ? {} : { endpoint }),
        // A copy: the SDK writes into it.
        ...(credentials === undefined ? {} : { credentials: { ...credentials } }),
        forcePathStyle: forcePathStyle ?? endpoint !== undefined,
        // What core checks itself, and servers other than Amazon’s often do not know.
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
      });
    return new Bucket(sdk, (client as Sdk.S3Client | undefined) ?? own(), bucket);
  }

  async put(name: string, pieces: AsyncIterable<Buffer>): Promise<void> {
    const reading = pieces[Symbol.asyncIterator]();
    const read: Buffer[] = [];
    while (read.length < 2) {
      const next = await reading.next();
      if (next.done === true) break;
      read.push(next.value);
    }
    if (read.length > 1) await this.#putParts(name, read, reading);
    else await this.#client.send(new this.#sdk.PutObjectCommand({ ...this.#at(name), Body: read[0] ?? Buffer.alloc(0) }));
  }

  async get(name: string): Promise<Readable | undefined> {
    try {
      return (await this.#client.send(new this.#sdk.GetObjectCommand(this.#at(name)))).Body as Readable;
    } catch (error) {
      if ((error as Error).name === 'NoSuchKey') return undefined;
      throw error;
    }
  }

  async delete(name: string): Promise<void> {
    await this.#client.send(new this.#sdk.DeleteObjectCommand(this.#at(name)));
    for await (const { Key, UploadId } of this.#uploads(name)) if (Key === name) await this.#abort(name, UploadId);
  }

  async *list(prefix: string): AsyncGenerator<StoredEntry, void, undefined> {
    let from: string | undefined;
    do {
      const page = await this.#client.send(
        new this.#sdk.ListObjectsV2Command({ Bucket: this.#name, Prefix: prefix, ContinuationToken: from }),
      );
      for (const { Key: key = '', Size: size = 0, LastModified: storedAt = new Date() } of page.Contents ?? [])
        yield { key, size, storedAt };
      from = page.NextContinuationToken;
    } while (from !== undefined);
    for await (const { Key: key, Initiated: storedAt } of this.#uploads(prefix)) yield { key, size: 0, storedAt };
  }

  /** @param read - pieces that have been read, which are let go as they are sent. */
  async #putParts(name: string, read: Buffer[], rest: AsyncIterator<Buffer>): Promise<void> {
    const { UploadId = '' } = await this.#client.send(new this.#sdk.CreateMultipartUploadCommand(this.#at(name)));
    const Parts: { readonly ETag: string | undefined; readonly PartNumber: number }[] = [];
    try {
      for (;;) {
        const next = read.length > 0 ? { done: false, value: read.shift() } : await rest.next();
        if (next.done === true || next.value === undefined) break;
        const PartNumber = Parts.length + 1;
        const part = { ...this.#at(name), UploadId, PartNumber, Body: next.value };
        const { ETag } = await this.#client.send(new this.#sdk.UploadPartCommand(part));
        Parts.push({ ETag, PartNumber });
      }
      const MultipartUpload = { Parts };
      await this.#client.send(new this.#sdk.CompleteMultipartUploadCommand({ ...this.#at(name), UploadId, MultipartUpload }));
    } catch (error) {
      await this.#abort(name, UploadId).catch(() => undefined);
      throw error;
    }
  }

  async #abort(name: string, UploadId: string): Promise<void> {
    await this.#client.send(new this.#sdk.AbortMultipartUploadCommand({ ...this.#at(name), UploadId }));
  }

  /** Uploads in parts that have not ended. None on a server that does not tell. */
  async *#uploads(Prefix: string): AsyncGenerator<Upload, void, undefined> {
    let from: { readonly KeyMarker: string | undefined; readonly UploadIdMarker: string | undefined } | undefined;
    do {
      const page = await this.#uploadsFrom(Prefix, from);
      for (const { Key = '', UploadId = '', Initiated = new Date() } of page?.Uploads ?? []) yield { Key, UploadId, Initiated };
      from = page?.IsTruncated === true ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined;
    } while (from !== undefined);
  }

  async #uploadsFrom(Prefix: string, from: object = {}): Promise<Sdk.ListMultipartUploadsCommandOutput | undefined> {
    try {
      return await this.#client.send(new this.#sdk.ListMultipartUploadsCommand({ Bucket: this.#name, Prefix, ...from }));
    } catch (error) {
      if ((error as Error).name === 'NotImplemented') return undefined;
      throw error;
    }
  }

  #at(Key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#name, Key };
  }
}

async function importSdk(): Promise<typeof Sdk> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (cause) {
    throw new OxbowError('missing_dependency', 's3Results() needs the S3 client: npm install @aws-sdk/client-s3', { cause });
  }
}
