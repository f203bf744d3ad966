import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';

/** What a witness saw of a job. `accepted`: the producer was told that the store has it; `rejected`: that it has not. */
export const LEDGER_WORDS = ['accepted', 'rejected', 'start', 'end', 'effect'] as const;
export type LedgerWord = (typeof LEDGER_WORDS)[number];

export interface LedgerEntry {
  readonly word: LedgerWord;
  /** Who it is about, as the producer names it. */
  readonly id: string;
  readonly atMs: number;
  readonly note: string;
}

/**
 * A file outside the store, to which every process appends what it saw, one line a write: a killed process leaves whole
 * lines, and processes do not write into each other's.
 */
export class Ledger implements Disposable {
  readonly file: string;
  readonly #handle: number;

  constructor(file: string) {
    this.file = file;
    this.#handle = openSync(file, 'a');
  }

  /** On file when it returns, though not on disk: it outlives this process, not the machine. */
  write(word: LedgerWord, id: string, note = ''): void {
    // Not Date.now(): a process whose clock a test has shifted is a witness too.
    const atMs = Math.round(performance.timeOrigin + performance.now());
    writeSync(this.#handle, `${word} ${encodeURIComponent(id)} ${atMs} ${encodeURIComponent(note)}\n`);
  }

  /**
   * An effect under a unique key, as an insert into another database would be: the second of one key does nothing.
   * Returns whether it happened.
   */
  effect(id: string): boolean {
    try {
      writeFileSync(`${this.file}.${Buffer.from(id).toString('hex')}`, '', { flag: 'wx' });
    } catch {
      return false;
    }
    this.write('effect', id);
    return true;
  }

  [Symbol.dispose](): void {
    closeSync(this.#handle);
  }
}

/** What all processes have written so far, oldest first. */
export function readLedger(file: string): readonly LedgerEntry[] {
  const lines = readText(file).split('\n').slice(0, -1);
  return lines.map((line) => {
    const [word = '', id = '', at = '', note = ''] = line.split(' ');
    return { word: word as LedgerWord, id: decodeURIComponent(id), atMs: Number(at), note: decodeURIComponent(note) };
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Nobody has written yet.
    return '';
  }
}
