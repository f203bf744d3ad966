import { createHash } from 'node:crypto';
import type { DeadLetterKind } from '../store/dead-letters.ts';
import type { FailureRecord } from '../task/envelope.ts';

const MAX_MESSAGE = 300;

/** What changes from one occurrence of an error to the next. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/giu, '<uuid>'],
  [/"[^"]*"|'[^']*'|`[^`]*`|\u201c[^\u201d]*\u201d/gu, '<text>'],
  [/[\w.+-]+@[\w-]+(?:\.[\w-]+)*/gu, '<address>'],
  [/\b(?=[0-9a-z_]*\d)(?=[0-9a-z_]*[a-z])[0-9a-z_]{8,}\b/giu, '<id>'],
  [/\d+(?:[.,:]\d+)*/gu, '<n>'],
];

/**
 * Errors that are the same but for ids, numbers and quoted texts have one fingerprint: of task, name, code, message, and the
 * function that threw (its file by name only, so that a deploy to another folder, or a line above, changes nothing).
 */
export function kindOf(task: string, { name, code, message, stack }: FailureRecord): DeadLetterKind {
  const normal = VARIABLE.reduce((text, [pattern, by]) => text.replace(pattern, by), message.slice(0, MAX_MESSAGE));
  const parts = [task, name, code ?? '', normal, frameOf(stack)];
  const fingerprint = createHash('sha256').update(parts.join('\0')).digest('base64url').slice(0, 16);
  return { fingerprint, task: plain(task), name: plain(name), code, message: plain(message.slice(0, MAX_MESSAGE)) };
}

const FRAME = /^\s*at (?:async )?(?:(?<name>.+?) \()?(?<file>.+?):\d+:\d+\)?$/u;

/** The first frame that is no library's and not Node's. */
function frameOf(stack: string | undefined): string {
  for (const line of stack?.split('\n') ?? []) {
    const { name = '', file } = FRAME.exec(line)?.groups ?? {};
    if (file === undefined || file.startsWith('node:') || file.includes('node_modules')) continue;
    return `${name}@${
      file
        .replace(/[?#].*$/u, '')
        .split(/[\\/]/u)
        .at(-1) ?? ''
    }`;
  }
  return '';
}

/** Without what Postgres refuses in a text. */
function plain(text: string): string {
  return text.replace(/\p{Surrogate}|\0/gu, '');
}
