/**
 * Keeps a directory to one process: a lock file that names its holder.
 *
 * A holder is known by pid and start time, so that a reused pid does not count. A process that sees other pids (another
 * container or host on the same volume) cannot ask for ours; it watches whether the holder touches the file.
 *
 * The file appears complete or not at all (a hard link to a finished one). A stale file is replaced only by whoever
 * holds the lock on replacing it: a lock of the same kind whose name has the stale record's nonce. So of two processes
 * that find the same stale record one replaces it, and the other finds a record that it has not judged; a process that
 * is killed while replacing leaves another stale lock, which is taken over in the same way.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { OxbowError } from '../errors.ts';

interface LockRecord {
  readonly pid: number;
  /** When the process started, in the words of its system; empty where that cannot be found out. */
  readonly started: string;
  /** Where the pid means something. */
  readonly scope: string;
  readonly nonce: string;
}

export interface DirectoryLock {
  /** Idempotent. */
  release(): Promise<void>;
}

interface LockTiming {
  readonly touchMs: number;
  /** A holder that nobody can ask is dead when it has not touched its file for this long. */
  readonly silenceMs: number;
}

const LOOK_MS = 100;
const TIMING: LockTiming = { touchMs: 2000, silenceMs: 7000 };

/**
 * Takes the lock, at once when it is free or its holder is dead.
 * @throws OxbowError `engine_in_use` with the holder's pid, which may be our own.
 */
export async function lockDirectory(file: string, timing: LockTiming = TIMING): Promise<DirectoryLock> {
  const record: LockRecord = { pid: process.pid, started: await startOf(process.pid), scope: await scope(), nonce: randomUUID() };
  await take(file, record, timing);
  // Litter is no reason to refuse.
  await sweep(file, timing).catch(() => undefined);
  const touch = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, timing.touchMs).unref();
  let released: Promise<void> | undefined;
  return {
    release: () => {
      clearInterval(touch);
      released ??= drop(file, record);
      return released;
    },
  };
}

async function take(file: string, record: LockRecord, timing: LockTiming): Promise<void> {
  for (;;) {
    if (await create(file, record)) return;
    const found = await read(file);
    if (found === undefined) continue;
    if (await isAlive(file, found, timing)) throw inUse(file, found);
    const succession = `${file}.${found.nonce}`;
    await take(succession, record, timing);
    try {
      if ((await read(file))?.nonce === found.nonce) {
        await replace(file, record);
        return;
      }
    } finally {
      await drop(succession, record);
    }
  }
}

/** False when the file exists. */
async function create(file: string, record: LockRecord): Promise<boolean> {
  const draft = await writeDraft(file, record);
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    // Without its draft: a holder took it for a dead process's, so there is a file.
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function replace(file: string, record: LockRecord): Promise<void> {
  await rename(await writeDraft(file, record), file);
}

async function writeDraft(file: string, record: LockRecord): Promise<string> {
  const draft = `${file}.${randomUUID()}.draft`;
  await writeFile(draft, JSON.stringify(record));
  return draft;
}

/** Removes the drafts of processes that were killed before they had removed them. Only for the holder: whoever has a draft now is refused. */
async function sweep(file: string, timing: LockTiming): Promise<void> {
  const here = await scope();
  for (const name of await readdir(dirname(file))) {
    if (!name.startsWith(`${basename(file)}.`) || !name.endsWith('.draft')) continue;
    const draft = join(dirname(file), name);
    const found = await read(draft);
    if (found === undefined || (found.pid !== 0 && found.scope !== here) || (await isAlive(draft, found, timing))) continue;
    await rm(draft, { force: true });
  }
}

/** Undefined when there is no file. A file that nobody of us wrote is the record of a dead process. */
async function read(file: string): Promise<LockRecord | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { pid, started, scope: where, nonce } = JSON.parse(text) as Partial<LockRecord>;
    if (Number.isInteger(pid) && typeof started === 'string' && typeof where === 'string' && /^[\w-]+$/.test(nonce ?? '')) {
      return { pid: pid as number, started, scope: where, nonce: nonce as string };
    }
  } catch {
    // Not ours: below.
  }
  return { pid: 0, started: '', scope: '', nonce: 'unreadable' };
}

async function drop(file: string, record: LockRecord): Promise<void> {
  if ((await read(file))?.nonce === record.nonce) await rm(file, { force: true });
}

async function isAlive(file: string, holder: LockRecord, { silenceMs }: LockTiming): Promise<boolean> {
  if (holder.pid === 0) return false;
  if (holder.scope !== (await scope())) return isTouched(file, silenceMs);
  const started = await startOf(holder.pid);
  if (!isRunning(holder.pid)) return false;
  return started === holder.started || started === '' || holder.started === '';
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/** Compares the file's times with each other only: the clocks of two hosts may differ. */
async function isTouched(file: string, silenceMs: number): Promise<boolean> {
  const before = await touchedAt(file);
  const deadline = performance.now() + silenceMs;
  while (performance.now() < deadline) {
    await sleep(LOOK_MS);
    const now = await touchedAt(file);
    if (now !== before) return now !== undefined;
  }
  return false;
}

async function touchedAt(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}

/** Host and pid namespace. */
async function scope(): Promise<string> {
  return `${hostname()} ${await readlink('/proc/self/ns/pid').catch(() => '')}`.trim();
}

/** Empty when the process is gone, or where the system does not say. */
async function startOf(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') return await linuxStartOf(pid);
    if (process.platform === 'win32') return '';
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], {
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    });
    return stdout.trim();
  } catch {
    return '';
  }
}

/** Field 22 of /proc/<pid>/stat counts from boot; the second field may hold spaces and parentheses. A zombie has no start: it is dead. */
async function linuxStartOf(pid: number): Promise<string> {
  const [status, boot] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile('/proc/sys/kernel/random/boot_id', 'utf8')]);
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? 'zombie' : `${boot.trim()} ${fields[19]}`;
}

function inUse(file: string, { pid, scope: where }: LockRecord): OxbowError {
  const who = pid === process.pid ? 'this process' : `process ${pid}`;
  return new OxbowError(
    'engine_in_use',
    `The embedded directory is open in ${who} (pid ${pid} on ${where}; lock file ${file}). An embedded engine is one process: close the other, or use a server URL.`,
  );
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}
