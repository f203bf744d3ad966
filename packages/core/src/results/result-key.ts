import type { JobPlace } from '../engine/engine.ts';

/** Whose result it is. */
export interface ResultOwner {
  readonly job: JobPlace;
  /** The last job of the run that it is part of; undefined: of none, or itself. */
  readonly root: JobPlace | undefined;
  /** ms since the epoch: until then it is needed, whether its job is there or not. 0: no such time. */
  readonly neededUntil: number;
}

/**
 * `<app>/<queue>/<job>/<start>` of an attempt that is the job's so-manieth start: no two attempts write under one key. Then `-<time>`, until
 * which it is needed by others, and of a job of a run `/<queue>/<job>` of the run's last one.
 */
export function resultKey(app: string, { job, root, neededUntil }: ResultOwner, start: number): string {
  const last = neededUntil === 0 ? String(start) : `${start}-${Math.ceil(neededUntil).toString(36)}`;
  const parts = [app, job.queue, job.id, last, ...(root === undefined ? [] : [root.queue, root.id])];
  return parts.map(encode).join('/');
}

/** What all results of the app begin with. */
export function resultPrefix(app: string): string {
  return `${encode(app)}/`;
}

/** Undefined for a key that is not ours. */
export function ownerOf(key: string): ResultOwner | undefined {
  const parts = key.split('/').map(decode);
  const [, queue, id, last = '', rootQueue, rootId] = parts;
  const { until } = /^\d+(?:-(?<until>[0-9a-z]+))?$/u.exec(last)?.groups ?? { until: undefined };
  if (queue === undefined || id === undefined || !/^\d/u.test(last) || (parts.length !== 4 && parts.length !== 6)) return undefined;
  const root = rootQueue === undefined || rootId === undefined ? undefined : { queue: rootQueue, id: rootId };
  return { job: { queue, id }, root, neededUntil: until === undefined ? 0 : Number.parseInt(until, 36) };
}

/** What is no letter, digit, `_` or `-`, and no dot inside, as `!` and its UTF-8 bytes: nothing that a file system or a URL reads as more. */
function encode(part: string): string {
  return part.replaceAll(/^\.|[^A-Za-z0-9._-]/gu, (char) =>
    [...Buffer.from(char)].map((byte) => `!${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

function decode(part: string): string {
  const text = part.replaceAll(/![0-9a-f]{2}/gu, (code) => String.fromCodePoint(Number.parseInt(code.slice(1), 16)));
  return Buffer.from(text, 'latin1').toString();
}
