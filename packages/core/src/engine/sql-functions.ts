import { LATEST_SCHEMA_VERSION, type PgPoolClient } from 'bullmq';
import { STORE_SCHEMA, STORE_VERSION } from '../store/sql/schema.ts';

/** Grows with every change below, with the stores' schema, and with BullMQ's: its migrations may replace what is replaced here. */
export const FUNCTIONS_VERSION: number = LATEST_SCHEMA_VERSION * 1_000_000 + STORE_VERSION * 1000 + 4;

/** 0 when the schema has none of our functions. */
export const READ_FUNCTIONS_VERSION = `
SELECT COALESCE(MAX(substring(prosrc FROM '\\d+')::int), 0) AS version FROM pg_proc
WHERE proname = 'oxbow_version' AND pronamespace = to_regnamespace($1)`;

/**
 * Released parents, and jobs that are put back, go to the head of what has their priority, as on Redis; BullMQ's own SQL
 * puts them behind all that waits.
 */
const TO_THE_HEAD = `
CREATE OR REPLACE FUNCTION move_parent_to_wait(p_parent_queue text, p_parent_id text, p_now bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_delay    bigint;
  v_priority integer;
BEGIN
  SELECT delay_ms, priority INTO v_delay, v_priority FROM job
   WHERE queue = p_parent_queue AND id = p_parent_id AND state = 'waiting-children';
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF v_delay > 0 THEN
    UPDATE job SET state = 'delayed', process_at_ms = p_now + v_delay, seq = nextval('job_seq')
     WHERE queue = p_parent_queue AND id = p_parent_id;
    PERFORM pg_notify('bullmq_jobs', p_parent_queue);
    PERFORM publish_event(p_parent_queue, 'delayed', jsonb_build_object('jobId', p_parent_id, 'delay', p_now + v_delay));
  ELSE
    UPDATE job SET state = 'waiting', seq = CASE WHEN v_priority > 0 THEN nextval('job_seq') ELSE -nextval('job_seq') END
     WHERE queue = p_parent_queue AND id = p_parent_id;
    PERFORM pg_notify('bullmq_jobs', p_parent_queue);
    PERFORM publish_event(p_parent_queue, 'waiting', jsonb_build_object('jobId', p_parent_id, 'prev', 'waiting-children'));
  END IF;
END;
$$;

CREATE OR REPLACE FUNCTION move_active_to_wait(p_queue text, p_id text, p_token text, p_now bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_expire bigint;
BEGIN
  UPDATE job SET state = 'waiting', seq = -nextval('job_seq'), lock_token = NULL, locked_until_ms = NULL
   WHERE queue = p_queue AND id = p_id AND state = 'active' AND (p_token = '0' OR lock_token IS NOT DISTINCT FROM p_token);
  IF FOUND THEN
    PERFORM pg_notify('bullmq_jobs', p_queue);
    PERFORM publish_event(p_queue, 'waiting', jsonb_build_object('jobId', p_id, 'prev', 'active'));
  ELSIF NOT EXISTS (SELECT FROM job WHERE queue = p_queue AND id = p_id) THEN
    RETURN -1;
  END IF;
  SELECT expire_at_ms INTO v_expire FROM rate_limit WHERE queue = p_queue;
  RETURN GREATEST(COALESCE(v_expire - p_now, 0), 0);
END;
$$;`;

/**
 * Waits for nobody, as BullMQ's own does, which marks every active job in one statement, in any order: with ends of jobs and renewals of
 * locks, that hold some of them and want others, it made rings that the server broke by refusing one of them. Nor is a mark needed to give a
 * job that has just been claimed its time: it has its lock, and that is looked at. (On Redis the two are written one after the other.)
 */
const STALLED = `
CREATE OR REPLACE FUNCTION move_stalled_jobs_to_wait(p_queue text, p_max_stalled integer, p_now bigint, p_max_check_time bigint) RETURNS SETOF text
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_id text;
BEGIN
  INSERT INTO meta (queue, field, value) VALUES (p_queue, 'stalled-check', p_now::text)
  ON CONFLICT (queue, field) DO UPDATE SET value = EXCLUDED.value WHERE meta.value::bigint + p_max_check_time <= p_now;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  FOR v_id IN
    SELECT id FROM job WHERE queue = p_queue AND state = 'active' AND locked_until_ms < p_now ORDER BY seq FOR UPDATE SKIP LOCKED
  LOOP
    UPDATE job SET
        state = 'waiting', lock_token = NULL, locked_until_ms = NULL, stalled_count = stalled_count + 1, seq = nextval('job_seq'),
        deferred_failure = CASE
          WHEN stalled_count < p_max_stalled THEN deferred_failure
          WHEN EXISTS (SELECT FROM scheduler WHERE scheduler.queue = job.queue AND scheduler.scheduler_id = job.scheduler_id) THEN deferred_failure
          ELSE 'job stalled more than allowable limit'
        END
     WHERE queue = p_queue AND id = v_id;
    PERFORM publish_event(p_queue, 'stalled', jsonb_build_object('jobId', v_id));
    RETURN NEXT v_id;
  END LOOP;
  IF FOUND THEN
    PERFORM pg_notify('bullmq_jobs', p_queue);
  END IF;
END;
$$;`;

/**
 * Adds flows, each as a whole, and stores what BullMQ's add_flow stores, which goes from job to job and takes three times as
 * long. $1 the jobs, each with the number of its flow; $2 their queues and those of their parents; $3 and $4 the
 * parents that are not in $1; $5 whether to wait for a parent that another transaction holds. Who holds several parents
 * waits for none: a flow of a parent that is held is refused with 1, to be sent alone.
 *
 * Returns the refused flows, or null: number, code, job. Joins by index, and finds a child by its own id and
 * not among its parent's thousands, whatever the planner takes the tables for.
 */
const ADD_FLOWS = `
CREATE OR REPLACE FUNCTION oxbow_add_flows(p_jobs jsonb, p_queues text[], p_parent_queues text[], p_parent_ids text[], p_waits boolean)
RETURNS jsonb
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  v_held     text[] := '{}';
  v_now      bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
  v_new      integer;
  v_stored   integer;
  v_linked   integer;
  v_children integer;
  v_first    bigint;
  v_last     bigint;
  v_queues   text[];
  v_wakes    text[];
  v_queue    text;
  v_max      integer;
  v_refused  jsonb;
BEGIN
  PERFORM lock_producer_queues((SELECT jsonb_agg(jsonb_build_object('queue', q)) FROM unnest(p_queues) AS q));
  FOR i IN 1 .. cardinality(p_parent_ids) LOOP
    IF p_waits THEN
      PERFORM FROM job WHERE queue = p_parent_queues[i] AND id = p_parent_ids[i] FOR NO KEY UPDATE;
    ELSE
      PERFORM FROM job WHERE queue = p_parent_queues[i] AND id = p_parent_ids[i] FOR NO KEY UPDATE SKIP LOCKED;
      IF NOT FOUND THEN
        v_held := v_held || (p_parent_queues[i] || ':' || p_parent_ids[i]);
      END IF;
    END IF;
  END LOOP;

  WITH given AS MATERIALIZED (
    SELECT * FROM ROWS FROM (jsonb_to_recordset(p_jobs) AS (
      flow integer, queue text, id text, name text, data jsonb, opts jsonb, priority integer, delay bigint, "timestamp" bigint,
      attempts integer, parked boolean, children integer, parent_queue text, parent_id text, inside boolean
    )) WITH ORDINALITY AS jobs (flow, queue, id, name, data, opts, priority, delay, "timestamp", attempts, parked, children, parent_queue, parent_id,
                             inside, n)
  ), seen AS MATERIALIZED (
    SELECT given.*, own.id IS NOT NULL OR dependency.child_id IS NOT NULL AS known,
           CASE WHEN given.parent_id IS NULL THEN 0
                WHEN parent.id IS NULL AND NOT given.inside THEN -5
                WHEN given.parent_queue || ':' || given.parent_id = ANY (v_held) THEN 1
                WHEN own.id IS NOT NULL AND (parent.id IS NULL OR own.parent_id IS DISTINCT FROM given.parent_id
                  OR own.parent_queue IS DISTINCT FROM given.parent_queue) THEN -7
                ELSE 0 END AS code
      FROM given
      LEFT JOIN job AS own ON own.queue = given.queue AND own.id = given.id
      LEFT JOIN job AS parent ON parent.queue = given.parent_queue AND parent.id = given.parent_id
      LEFT JOIN job_dependency AS dependency
        ON dependency.child_queue = given.queue AND dependency.child_id = given.id
       AND dependency.parent_queue || '' = given.parent_queue AND dependency.parent_id || '' = given.parent_id
  ), refused AS MATERIALIZED (
    SELECT DISTINCT ON (flow) flow, code, id FROM seen WHERE code <> 0 ORDER BY flow, n
  ), fresh AS MATERIALIZED (
    SELECT *,
           CASE WHEN parked THEN 'waiting-children' WHEN delay > 0 THEN 'delayed' ELSE 'waiting' END AS state,
           CASE WHEN NOT parked AND delay > 0 THEN "timestamp" + delay END AS due
      FROM seen WHERE NOT known AND flow NOT IN (SELECT flow FROM refused)
  ), families AS MATERIALIZED (
    SELECT parent_queue, parent_id, count(*)::integer AS members FROM fresh WHERE parent_id IS NOT NULL GROUP BY 1, 2
  ), stored AS (
    INSERT INTO job (queue, id, seq, name, state, data, opts, priority, delay_ms, max_attempts, added_at_ms, process_at_ms,
                     parent_queue, parent_id, parent_key, pending_deps)
    SELECT queue, id, nextval('job_seq'), name, state::job_state, data, opts, priority, delay, attempts, "timestamp", due,
           parent_queue, parent_id, parent_queue || ':' || parent_id, children
      FROM (SELECT * FROM fresh ORDER BY n) AS ordered
    ON CONFLICT DO NOTHING RETURNING 1
  ), linked AS (
    INSERT INTO job_dependency (parent_queue, parent_id, child_queue, child_id, child_key)
    SELECT parent_queue, parent_id, queue, id, queue || ':' || id FROM fresh WHERE parent_id IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING 1
  ), counted AS (
    UPDATE job SET pending_deps = pending_deps + families.members FROM families
     WHERE job.queue = families.parent_queue AND job.id = families.parent_id
  ), told AS (
    INSERT INTO event (queue, event, data, created_at_ms)
    SELECT queue, event, about, v_now
      FROM (SELECT fresh.queue, n, k, event, about FROM fresh CROSS JOIN LATERAL (VALUES
              (1, 'added', jsonb_build_object('jobId', id, 'name', name)),
              (2, state, CASE WHEN due IS NULL THEN jsonb_build_object('jobId', id) ELSE jsonb_build_object('jobId', id, 'delay', due) END)
            ) AS both_events (k, event, about) ORDER BY n, k) AS ordered
    RETURNING id
  )
  SELECT (SELECT count(*) FROM fresh), (SELECT count(*) FROM stored), (SELECT sum(members) FROM families), (SELECT count(*) FROM linked),
         (SELECT min(id) FROM told), (SELECT max(id) FROM told),
         (SELECT array_agg(DISTINCT queue) FROM fresh), (SELECT array_agg(DISTINCT queue) FROM fresh WHERE NOT parked),
         (SELECT jsonb_agg(jsonb_build_object('flow', flow, 'code', code, 'id', id)) FROM refused)
    INTO v_new, v_stored, v_children, v_linked, v_first, v_last, v_queues, v_wakes, v_refused;

  IF v_stored <> v_new OR v_linked <> COALESCE(v_children, 0) THEN
    RAISE EXCEPTION 'oxbow: a job of a flow was added meanwhile' USING ERRCODE = 'OX001';
  END IF;
  FOREACH v_queue IN ARRAY COALESCE(v_queues, '{}') LOOP
    PERFORM pg_notify('bullmq_events', v_queue);
    -- As publish_event does: at every 256th event, and by one at a time.
    IF v_last / 256 > (v_first - 1) / 256 AND pg_try_advisory_xact_lock(hashtext('bullmq:evtrim:' || v_queue)) THEN
      SELECT value::integer INTO v_max FROM meta WHERE queue = v_queue AND field = 'opts.maxLenEvents';
      DELETE FROM event WHERE queue = v_queue AND id <= v_last - COALESCE(v_max, 10000);
    END IF;
  END LOOP;
  FOREACH v_queue IN ARRAY COALESCE(v_wakes, '{}') LOOP
    PERFORM pg_notify('bullmq_jobs', v_queue);
  END LOOP;
  RETURN v_refused;
END;
$$;`;

/**
 * Adds a flow, then completes a job as BullMQ does. The flow is left out when the job is not to complete: another has its lock, or it
 * has children that have not ended; BullMQ's function says so then. Raises OX002 when the flow is refused, or the job `p_unless` of the
 * queue has failed. Its own row is locked before that is looked at, and whoever ends `p_unless` looks at that row after it (sql-take.ts): one
 * of the two sees the other.
 */
const COMPLETE = `
CREATE OR REPLACE FUNCTION oxbow_complete(
  p_jobs jsonb, p_queues text[], p_parent_queues text[], p_parent_ids text[], p_unless text, p_fetches boolean,
  p_queue text, p_id text, p_token text, p_return_value jsonb, p_finished_on bigint, p_remove_all boolean, p_keep_age bigint, p_keep_count integer,
  p_lock_ms bigint DEFAULT NULL, p_now bigint DEFAULT NULL, p_name text DEFAULT NULL, p_limiter_max integer DEFAULT NULL,
  p_limiter_duration bigint DEFAULT NULL
) RETURNS SETOF job
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_parent_queue text;
  v_parent_id    text;
  v_refused      jsonb;
BEGIN
  -- In the order of move_to_completed: it would deadlock with the end of a sibling.
  PERFORM lock_finalization_queues(p_queue, p_id);
  SELECT parent_queue, parent_id INTO v_parent_queue, v_parent_id FROM job WHERE queue = p_queue AND id = p_id;
  IF v_parent_id IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtext('bullmq:parent:' || v_parent_queue || ':' || v_parent_id));
  END IF;
  PERFORM FROM job WHERE queue = p_queue AND id = p_id AND state = 'active' AND lock_token = p_token AND pending_deps = 0 FOR UPDATE;
  IF FOUND THEN
    IF EXISTS (SELECT FROM job WHERE queue = p_queue AND id = p_unless AND state = 'failed') THEN
      RAISE EXCEPTION 'the run of the job was cancelled' USING ERRCODE = 'OX002';
    END IF;
    IF p_jobs <> '[]' THEN
      v_refused := oxbow_add_flows(p_jobs, p_queues, p_parent_queues, p_parent_ids, true);
    END IF;
    IF v_refused IS NOT NULL THEN
      RAISE EXCEPTION 'what follows the job was refused' USING ERRCODE = 'OX002', DETAIL = v_refused::text;
    END IF;
  END IF;
  IF p_fetches THEN
    RETURN QUERY SELECT * FROM move_to_completed_fetch(p_queue, p_id, p_token, p_return_value, p_finished_on, p_remove_all, p_keep_age,
      p_keep_count, p_lock_ms, p_now, p_name, p_limiter_max, p_limiter_duration);
  ELSE
    PERFORM move_to_completed(p_queue, p_id, p_token, p_return_value, p_finished_on, p_remove_all, p_keep_age, p_keep_count);
  END IF;
END;
$$;`;

/** What children of $1, $2 returned: those of $3 and $4 that succeeded. Joins as {@link ADD_FLOWS} does. */
const CHILD_VALUES = `
CREATE OR REPLACE FUNCTION oxbow_child_values(p_parent_queue text, p_parent_id text, p_queues text[], p_ids text[])
RETURNS TABLE (key text, value jsonb)
LANGUAGE sql STABLE SET search_path FROM CURRENT SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
  SELECT dependency.child_key, dependency.value
    FROM unnest(p_queues, p_ids) AS asked (queue, id)
    JOIN job_dependency AS dependency ON dependency.child_queue = asked.queue AND dependency.child_id = asked.id
   WHERE dependency.parent_queue || '' = p_parent_queue AND dependency.parent_id || '' = p_parent_id AND dependency.status = 'processed'
$$;`;

/**
 * With statistics of one large group the planner takes a scan of the whole table for the way to find out that a job has no
 * children: a group of 100,000 ended at ten members a second.
 */
const BY_INDEX = `
DO $$
DECLARE
  v_function regprocedure;
BEGIN
  FOR v_function IN
    SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND prosrc LIKE '%job_dependency%'
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', v_function);
  END LOOP;
END $$;`;

const VERSION = `
CREATE OR REPLACE FUNCTION oxbow_version() RETURNS integer LANGUAGE sql AS $$ SELECT ${FUNCTIONS_VERSION} $$;`;

/** The client's search path names the schema. One transaction. */
export async function createFunctions(client: Pick<PgPoolClient, 'query'>): Promise<void> {
  await client.query([TO_THE_HEAD, STALLED, ADD_FLOWS, COMPLETE, CHILD_VALUES, BY_INDEX, STORE_SCHEMA, VERSION].join('\n'));
}
