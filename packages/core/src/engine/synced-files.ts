/**
 * Makes a PGlite directory survive a power cut.
 *
 * PGlite runs Postgres with `fsync` off, and would not get further with it on: Emscripten's files take a sync for a
 * success and do nothing. Without it a kill of the process loses nothing, but a power cut can lose or corrupt everything
 * since the system wrote its cache out. Here a sync is a sync: Postgres' log at every commit, the tables at a checkpoint.
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import type { PGliteOptions } from '@electric-sql/pglite';

/** What of Emscripten's NODEFS is used. A directory's stream has no descriptor. */
interface NodeFiles {
  readonly stream_ops: { fsync?: (stream: { readonly nfd?: number; readonly node: unknown }) => number };
  realPath(node: unknown): string;
}

type Filesystem = NonNullable<PGliteOptions['fs']>;

/** Emscripten's EIO. */
const IO_ERROR = 29;
/** Postgres asks for the log's sync in the one way that Emscripten passes on. */
const SYNC_METHOD = ['-c', 'wal_sync_method=fsync'];
const NO_SYNC = '-F';

/** Takes the place of `dataDir` in PGlite's options; `startParams` are PGlite's own. */
export async function syncedFiles(
  directory: string,
  startParams: readonly string[],
): Promise<{ readonly fs: Filesystem; readonly startParams: string[] }> {
  const { NodeFS } = await import('@electric-sql/pglite/nodefs');
  class SyncedNodeFS extends NodeFS {
    override async init(...[pg, opts]: Parameters<Filesystem['init']>): ReturnType<Filesystem['init']> {
      const { emscriptenOpts } = await super.init(pg, opts);
      const patch = (module: unknown): void => addSync((module as { readonly NODEFS: NodeFiles }).NODEFS);
      return {
        emscriptenOpts: {
          ...emscriptenOpts,
          preRun: [...(emscriptenOpts.preRun ?? []), patch] as NonNullable<typeof emscriptenOpts.preRun>,
        },
      };
    }
  }
  return { fs: new SyncedNodeFS(directory), startParams: [...startParams.filter((param) => param !== NO_SYNC), ...SYNC_METHOD] };
}

function addSync(files: NodeFiles): void {
  files.stream_ops.fsync = ({ nfd, node }) => {
    try {
      if (nfd === undefined) syncDirectory(files.realPath(node));
      else fdatasyncSync(nfd);
      return 0;
    } catch {
      return IO_ERROR;
    }
  };
}

/** Where a directory cannot be opened (Windows), its entries need no sync. */
function syncDirectory(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
