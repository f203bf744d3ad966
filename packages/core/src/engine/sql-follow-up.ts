import type { PgQueryResult } from 'bullmq';
import { FollowUpRefused, type FollowUp } from './follow-up.ts';
import { codeOf } from './postgres-errors.ts';
import { counting } from './sql-finished.ts';
import { OVERTAKEN, toFlowArguments, type SqlPool } from './sql-flow.ts';

/** What oxbow_complete raises when the flow is refused. */
const REFUSED = 'OX002';
const TRIES = 3;

/** BullMQ's move_to_completed and move_to_completed_fetch, by what they are called with, and the flow before. */
const COMPLETE: Readonly<Record<string, string>> = {
  move_to_completed: 'SELECT * FROM oxbow_complete($9::jsonb, $10, $11, $12, $13::text, false, $1, $2, $3, $4, $5, $6, $7, $8)',
  move_to_completed_fetch: `SELECT * FROM oxbow_complete($14::jsonb, $15, $16, $17, $18::text, true, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
};

const COUNTING: typeof COMPLETE = Object.fromEntries(
  Object.entries(COMPLETE).map(([command, text]) => [command, counting('completed', text)]),
);

interface Completion {
  /** BullMQ's, with its `params`. */
  readonly command: string;
  readonly params: readonly unknown[];
  readonly followUp: FollowUp;
  /** The job is counted. */
  readonly counts: boolean;
}

/**
 * Completes a job and adds what follows it, in one statement.
 *
 * @throws FollowUpRefused
 */
export async function completeOnSql(pool: SqlPool, { command, params, followUp, counts }: Completion): Promise<PgQueryResult> {
  const text = (counts ? COUNTING : COMPLETE)[command];
  if (text === undefined) throw new Error(`${command} ends no job`);
  const { flow, unless = null } = followUp;
  const { jobs, queues, outside } = toFlowArguments([flow]);
  const parents = [outside.map((parent) => parent.queue), outside.map((parent) => parent.id)];
  for (let tries = 1; ; tries++) {
    try {
      return await pool.query(text, [...params, jobs, queues, ...parents, unless]);
    } catch (error) {
      const code = codeOf(error);
      if (code === REFUSED) throw new FollowUpRefused();
      if (code !== OVERTAKEN || tries === TRIES) throw error;
    }
  }
}
