import type { JobPlace } from './engine.ts';
import type { Taken, Taking } from './job-store.ts';
import { escapeJson } from './json-escape.ts';
import type { SqlPool } from './sql-flow.ts';

interface Row {
  readonly state: string;
  readonly data: unknown;
  readonly seen: string;
  readonly token: string | null;
}

/** Waits for an end of the job that is under way. jsonb has one text, but numbers come out of it rounded: its hash stands for it. */
const LOOK = 'SELECT state, data, md5(data::text) AS seen, lock_token AS token FROM job WHERE queue = $1 AND id = $2 FOR SHARE';

const TAKE = `
UPDATE job SET state = 'active', data = $6::jsonb, lock_token = $3, locked_until_ms = $4
WHERE queue = $1 AND id = $2 AND state IN ('waiting', 'delayed') AND md5(data::text) = $5`;

const STATES: Readonly<Record<string, Taken>> = {
  active: 'active',
  'waiting-children': 'parked',
  completed: 'final',
  failed: 'final',
};

export async function takeOnSql(pool: SqlPool, { queue, id }: JobPlace, { token, lockMs, data }: Taking): Promise<Taken> {
  if (data !== undefined) {
    const params = [queue, id, token, Date.now() + lockMs, data.seen, escapeJson(data.next)];
    if ((await pool.query(TAKE, params)).rowCount === 1) return 'taken';
  }
  const { rows } = await pool.query<Row>(LOOK, [queue, id]);
  const [row] = rows;
  if (row === undefined) return 'unknown';
  if (row.state === 'active' && row.token === token) return 'taken';
  return STATES[row.state] ?? { seen: row.seen, data: row.data };
}
