/**
 * `oxbow_kept`: succeeded jobs that are told how long they stay; gone: their time is over, and when that is forgotten. How a failed job
 * ended is in its data, as Oxbow writes it, else in its last stack (client/status.ts).
 */
export const RETENTION = `
CREATE TABLE IF NOT EXISTS oxbow_kept (
  queue    text    NOT NULL,
  id       text    NOT NULL,
  until_ms bigint  NOT NULL,
  gone     boolean NOT NULL,
  PRIMARY KEY (queue, id)
);
CREATE INDEX IF NOT EXISTS oxbow_kept_until ON oxbow_kept (queue, gone, until_ms);

CREATE OR REPLACE FUNCTION oxbow_is_cancelled(p_data jsonb, p_stacks jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_data ? '$ox' AND p_data ? 'f' THEN coalesce(p_data->'f'->>'end' IN ('cancelled', 'expired'), false)
    ELSE coalesce(p_stacks->>-1 ~ '^[A-Za-z_$][A-Za-z0-9_$]* \\[(cancelled|expired)\\]', false) END
$$;

CREATE OR REPLACE FUNCTION oxbow_is_open(p_queue text, p_id text) RETURNS boolean LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
  SELECT EXISTS (SELECT FROM job WHERE queue = p_queue AND id = p_id AND state NOT IN ('completed', 'failed'))
$$;

CREATE OR REPLACE FUNCTION oxbow_expire(p_queue text, p_limit integer, p_gone_ms bigint, p_again_ms bigint) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_now  bigint := oxbow_now_ms();
  v_due  text[];
  v_open text[];
  v_gone text[];
BEGIN
  DELETE FROM oxbow_kept WHERE queue = p_queue AND gone AND until_ms <= v_now;
  SELECT array_agg(id) INTO v_due FROM (
    SELECT id FROM oxbow_kept WHERE queue = p_queue AND NOT gone AND until_ms <= v_now ORDER BY until_ms LIMIT p_limit FOR UPDATE
  ) AS due;
  IF v_due IS NULL THEN
    RETURN 0;
  END IF;
  SELECT array_agg(id) INTO v_open FROM job
   WHERE queue = p_queue AND id = ANY (v_due)
     AND (state NOT IN ('completed', 'failed') OR oxbow_is_open(parent_queue, parent_id));
  UPDATE oxbow_kept SET until_ms = v_now + p_again_ms WHERE queue = p_queue AND id = ANY (v_open);
  DELETE FROM job WHERE queue = p_queue AND id = ANY (v_due) AND state = 'completed' AND NOT id = ANY (coalesce(v_open, '{}'));
  -- What has failed goes with its kind.
  SELECT array_agg(due) INTO v_gone FROM unnest(v_due) AS due
   WHERE NOT EXISTS (SELECT FROM job WHERE queue = p_queue AND id = due);
  DELETE FROM oxbow_kept WHERE queue = p_queue AND id = ANY (v_due)
    AND NOT id = ANY (coalesce(v_open, '{}')) AND NOT id = ANY (coalesce(v_gone, '{}'));
  UPDATE oxbow_kept SET gone = true, until_ms = v_now + p_gone_ms WHERE queue = p_queue AND id = ANY (v_gone);
  RETURN cardinality(v_due);
END;
$$;

CREATE OR REPLACE FUNCTION oxbow_forget(p_queues text[], p_ids text[], p_steps text[]) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_public text[];
  v_open   integer;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_dead_letter'), 0);
  PERFORM FROM job JOIN unnest(p_queues, p_ids) AS wanted (queue, id) USING (queue, id) ORDER BY job.queue, job.id FOR UPDATE OF job;
  SELECT min(wanted.at) INTO v_open FROM unnest(p_queues, p_ids) WITH ORDINALITY AS wanted (queue, id, at)
    JOIN job ON job.queue = wanted.queue AND job.id = wanted.id AND job.state NOT IN ('completed', 'failed');
  IF v_open IS NOT NULL THEN
    RETURN v_open;
  END IF;
  DELETE FROM job USING unnest(p_queues, p_ids) AS wanted (queue, id) WHERE job.queue = wanted.queue AND job.id = wanted.id;
  DELETE FROM oxbow_kept USING unnest(p_queues, p_ids) AS wanted (queue, id)
   WHERE oxbow_kept.queue = wanted.queue AND oxbow_kept.id = wanted.id;
  DELETE FROM oxbow_step WHERE job = ANY (p_steps);
  SELECT array_agg(id || '@' || queue) INTO v_public FROM unnest(p_queues, p_ids) AS wanted (queue, id);
  DELETE FROM oxbow_blocked_job WHERE id = ANY (v_public);
  PERFORM oxbow_forget_dead_letters(v_public);
  RETURN 0;
END;
$$;`;
