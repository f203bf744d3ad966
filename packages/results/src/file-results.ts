import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import type { ResultStore, StoredEntry } from '@oxbow/core';
import { z } from 'zod';
import { Digest } from './digest.ts';
import { partsOfKey } from './key.ts';
import { parseOptions } from './options.ts';

export interface FileResultsOptions {
  /** Made when it is not there. Every process of the app must see the same one: on several machines, a shared file system. */
  readonly directory: string;
}

const options: z.ZodType<FileResultsOptions> = z.strictObject({ directory: z.string().min(1) });

/** What is being written; no key can end so. */
const UNFINISHED = '!part';
/** The directory of a file can be removed, being empty, between its making and that of the file. */
const TRIES = 20;

/**
 * Results as files: `<directory>/<app>/<queue>/<job>/…`. Written beside their place and renamed when all of it is on the disk, so a file is
 * there as a whole or not at all.
 * @throws OxbowError `invalid_options`
 */
export function fileResults(given: FileResultsOptions): ResultStore {
  const root = resolve(parseOptions(options, given, 'fileResults()').directory);
  const pathOf = (key: string): string => join(root, ...partsOfKey(key));
  return {
    name: 'file',
    async put(key, source) {
      const path = pathOf(key);
      const unfinished = path + UNFINISHED;
      const { file, made } = await create(unfinished);
      const digest = new Digest();
      try {
        await write(file, source, digest);
        await rename(unfinished, path);
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
      await syncDirectories(dirname(path), made === undefined ? dirname(path) : dirname(made));
      return digest.end();
    },

    async get(key) {
      const file = await unlessMissing(open(pathOf(key)));
      return file?.createReadStream();
    },

    async delete(key) {
      const path = pathOf(key);
      await rm(path, { force: true });
      await rm(path + UNFINISHED, { force: true });
      await prune(dirname(path), root);
    },

    async *list(prefix) {
      yield* filesBelow(join(root, ...partsOfKey(prefix.replace(/\/$/u, ''))), root);
    },
  };
}

/** @returns the file, and the first directory that had to be made for it. */
async function create(path: string): Promise<{ readonly file: FileHandle; readonly made: string | undefined }> {
  for (let tries = 1; ; tries += 1) {
    const made = await mkdir(dirname(path), { recursive: true });
    try {
      return { file: await open(path, 'w'), made };
    } catch (error) {
      if (!isMissing(error) || tries === TRIES) throw error;
    }
  }
}

async function write(file: FileHandle, source: AsyncIterable<Uint8Array>, digest: Digest): Promise<void> {
  try {
    for await (const bytes of source) {
      digest.add(bytes);
      await file.writeFile(bytes);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A name is on the disk when its directory is. Windows has no such call, and needs none. */
async function syncDirectories(from: string, to: string): Promise<void> {
  if (process.platform === 'win32') return;
  for (let path = from; ; path = dirname(path)) {
    const directory = await open(path);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    if (path === to || path === dirname(path)) return;
  }
}

/** Removes directories that are empty now, but `root`. */
async function prune(from: string, root: string): Promise<void> {
  for (let path = from; path.startsWith(root + sep); path = dirname(path)) {
    try {
      await rmdir(path);
    } catch (error) {
      if (!isMissing(error)) return;
    }
  }
}

async function* filesBelow(path: string, root: string): AsyncGenerator<StoredEntry, void, undefined> {
  // Read at once: entries may be deleted while they are looked at.
  const entries: readonly Dirent[] = (await unlessMissing(readdir(path, { withFileTypes: true }))) ?? [];
  for (const entry of entries) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) yield* filesBelow(below, root);
    const found = entry.isFile() ? await unlessMissing(stat(below)) : undefined;
    if (found !== undefined) yield { key: toKey(below, root), size: found.size, storedAt: found.mtime };
  }
}

function toKey(path: string, root: string): string {
  const key = path
    .slice(root.length + 1)
    .split(sep)
    .join('/');
  return key.endsWith(UNFINISHED) ? key.slice(0, -UNFINISHED.length) : key;
}

async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
