import type { SqlStoreServer } from '../../engine/engine.ts';
import type { DeadLetterEntry, DeadLetterKind, DeadLetterStore } from '../dead-letters.ts';

interface Row {
  readonly id: string;
  readonly fingerprint: string;
  readonly task: string;
  readonly at_ms: string | number;
}

interface GroupRow {
  readonly kind: DeadLetterKind;
  readonly count: string | number;
  readonly first_at_ms: string | number;
  readonly last_at_ms: string | number;
  readonly sample: string;
}

const ADD = 'SELECT oxbow_add_dead_letter($1, $2, $3::jsonb, $4, $5) AS count';

/** $1 limit, $2 and $3 time and id of the cursor, $4 fingerprint, $5 task, $6 queue; null each for any. */
const PAGE = `
SELECT id, fingerprint, task, at_ms FROM oxbow_dead_letter
WHERE ($2::bigint IS NULL OR (at_ms, id) < ($2::bigint, $3::text COLLATE "C"))
  AND ($4::text IS NULL OR fingerprint = $4) AND ($5::text IS NULL OR task = $5) AND ($6::text IS NULL OR queue = $6)
ORDER BY at_ms DESC, id DESC LIMIT $1`;

const FIND = 'SELECT id, fingerprint, task, at_ms FROM oxbow_dead_letter WHERE id = $1';

const GROUPS = `
SELECT one.kind, one.first_at_ms, letters.* FROM oxbow_dead_letter_group AS one
JOIN LATERAL (
  SELECT count(*) AS count, max(at_ms) AS last_at_ms, (array_agg(id ORDER BY at_ms DESC, id DESC))[1] AS sample
    FROM oxbow_dead_letter AS letter WHERE letter.fingerprint = one.fingerprint
) AS letters ON letters.count > 0
ORDER BY letters.last_at_ms DESC`;

/** $1 queues */
const TALLY = `
SELECT (SELECT count(*) FROM oxbow_dead_letter WHERE queue = asked.queue) AS count,
  COALESCE(oxbow_now_ms() - (SELECT min(at_ms) FROM oxbow_dead_letter WHERE queue = asked.queue), 0) AS age_ms
FROM unnest($1::text[]) WITH ORDINALITY AS asked (queue, place) ORDER BY asked.place`;

const PRUNE = 'SELECT oxbow_prune_dead_letters($1, $2) AS removed';
const FORGET = 'SELECT pg_advisory_xact_lock(hashtext($2), 0), oxbow_forget_dead_letters($1)';
const PURGE = 'SELECT oxbow_purge_dead_letters($1) AS removed';

export function sqlDeadLetters(server: SqlStoreServer): DeadLetterStore {
  return {
    add: async ({ id, kind }, { ageMs, count }) => {
      const params = [id, kind.fingerprint, JSON.stringify(kind), ageMs, count];
      const [row] = await server.query<{ readonly count: number }>(ADD, params);
      return Number(row?.count);
    },
    prune: async ({ ageMs, count }) => {
      const [row] = await server.query<{ readonly removed: number }>(PRUNE, [ageMs, count]);
      return Number(row?.removed);
    },
    page: async ({ limit, before, fingerprint, task, queue }) => {
      const params = [limit, before?.at ?? null, before?.id ?? null, fingerprint ?? null, task ?? null, queue ?? null];
      return (await server.query<Row>(PAGE, params)).map(toEntry);
    },
    find: async (id) => (await server.query<Row>(FIND, [id])).map(toEntry)[0],
    groups: async () => {
      const rows = await server.query<GroupRow>(GROUPS, []);
      return rows.map(({ kind: { fingerprint, task, name, code, message }, count, first_at_ms, last_at_ms, sample }) => ({
        fingerprint,
        task,
        name,
        code,
        message,
        count: Number(count),
        firstAt: Number(first_at_ms),
        lastAt: Number(last_at_ms),
        sample,
      }));
    },
    tally: async (queues) => {
      if (queues.length === 0) return [];
      const rows = await server.query<{ readonly count: string | number; readonly age_ms: string | number }>(TALLY, [queues]);
      return rows.map(({ count, age_ms: age }) => ({ count: Number(count), oldestAgeMs: Math.max(0, Number(age)) }));
    },
    forget: async (ids) => {
      if (ids.length > 0) await server.query(FORGET, [ids, 'oxbow_dead_letter']);
    },
    purge: async (ids) => {
      if (ids.length === 0) return 0;
      const [row] = await server.query<{ readonly removed: number }>(PURGE, [ids]);
      return Number(row?.removed);
    },
  };
}

function toEntry({ id, fingerprint, task, at_ms: at }: Row): DeadLetterEntry {
  return { id, fingerprint, task, at: Number(at) };
}
