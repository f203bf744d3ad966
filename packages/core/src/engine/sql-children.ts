import type { FailedChild, JobPlace } from './engine.ts';
import type { ChildValue } from './job-store.ts';
import type { SqlPool } from './sql-flow.ts';

const VALUES = 'SELECT key, value FROM oxbow_child_values($1, $2, $3::text[], $4::text[])';

/** BullMQ has no other word for the failure of a child that released its parent. */
const FAILED = `
SELECT child_key AS key, child_queue AS queue, child_id AS id, value AS reason FROM job_dependency
WHERE parent_queue = $1 AND parent_id = $2 AND child_key > $3 AND status IN ('ignored', 'failed')
ORDER BY child_key LIMIT $4`;

const PAGE = 1000;

export async function sqlChildValues(pool: SqlPool, join: JobPlace, children: readonly JobPlace[]): Promise<readonly ChildValue[]> {
  const params = [join.queue, join.id, children.map(({ queue }) => queue), children.map(({ id }) => id)];
  const { rows } = await pool.query<{ readonly key: string; readonly value: unknown }>(VALUES, params);
  const values = new Map(rows.map(({ key, value }) => [key, { value }]));
  return children.map(({ queue, id }) => values.get(`${queue}:${id}`));
}

export async function sqlFailedChildren(pool: SqlPool, join: JobPlace): Promise<readonly FailedChild[]> {
  const failed: FailedChild[] = [];
  let last: string | undefined = '';
  while (last !== undefined) {
    const page: readonly (FailedChild & { readonly key: string })[] = (
      await pool.query<FailedChild & { readonly key: string }>(FAILED, [join.queue, join.id, last, PAGE])
    ).rows;
    for (const { queue, id, reason } of page) failed.push({ queue, id, reason });
    last = page.length === PAGE ? page.at(-1)?.key : undefined;
  }
  return failed;
}
