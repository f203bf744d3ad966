import type { JobPlace } from './engine.ts';
import type { Seen, Swapped } from './job-store.ts';
import { escapeJson, unescapeJson } from './json-escape.ts';
import type { SqlPool } from './sql-flow.ts';

/** What is compared is the value, so the text may be anybody's. In bytes, which no column reader unescapes. */
const SWAP = `
WITH swapped AS (
  UPDATE job SET data = $4::jsonb WHERE queue = $1 AND id = $2 AND data = $3::jsonb RETURNING 1
)
SELECT EXISTS (SELECT FROM swapped) AS swapped, convert_to(data::text, 'UTF8') AS stored FROM job WHERE queue = $1 AND id = $2`;

const WRITE = "UPDATE job SET data = $4::jsonb WHERE queue = $1 AND id = $2 AND state = 'active' AND lock_token = $3";

export async function swapOnSql(pool: SqlPool, { queue, id }: JobPlace, seen: Seen, next: string): Promise<Swapped> {
  const params = [queue, id, 'json' in seen ? escapeJson(seen.json) : seen.stored, escapeJson(next)];
  const { rows } = await pool.query<{ readonly swapped: boolean; readonly stored: Uint8Array }>(SWAP, params);
  const [row] = rows;
  if (row === undefined) return 'unknown';
  if (row.swapped) return 'swapped';
  const stored = Buffer.from(row.stored).toString('utf8');
  return { stored, data: JSON.parse(unescapeJson(stored)) as unknown };
}

export async function writeOnSql(pool: SqlPool, { queue, id }: JobPlace, token: string, next: string): Promise<boolean> {
  return (await pool.query(WRITE, [queue, id, token, escapeJson(next)])).rowCount === 1;
}
