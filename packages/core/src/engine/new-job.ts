/** A job to add. Ids are ours (see task/id.ts), so that a repeated add after a dropped connection stores one job. */
export interface NewJob {
  readonly id: string;
  readonly name: string;
  /** JSON text of the wire envelope. */
  readonly data: string;
  /** Producer's clock, ms since the epoch. */
  readonly timestamp: number;
  readonly delayMs?: number;
  /** BullMQ's scale: 1 first, 2,097,151 last. Absent: the queue has no priorities. */
  readonly priority?: number;
  readonly attempts?: number;
  /** Whom its end is told to, besides by its event (see Replies). Counts for jobs that are added one by one. */
  readonly replyTo?: string;
}

/** Where a job is. */
export interface JobPlace {
  readonly queue: string;
  readonly id: string;
}

/** A job of a flow. */
export interface FlowJob extends NewJob {
  readonly queue: string;
  /** The join that waits for it: one that is parked, or stands before it in the same call. */
  readonly parent?: JobPlace;
  /** What its final failure does to its parent: releases it at once, or counts as an end like any other. @defaultValue 'release' */
  readonly onFailure?: 'release' | 'ignore';
  /** It starts parked, and is released when the jobs that name it as parent have ended. There must be one in the same call. */
  readonly parked?: boolean;
}
