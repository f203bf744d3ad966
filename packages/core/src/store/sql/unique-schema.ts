/** Which job stands for a key, and which follows it: the UniqueRule of the engine's port. */
export const UNIQUE: string = `
CREATE TABLE IF NOT EXISTS oxbow_unique (
  key         text   PRIMARY KEY,
  queue       text   NOT NULL,
  id          text   NOT NULL,
  next_queue  text,
  next_id     text,
  added_at_ms bigint NOT NULL,
  ends_at_ms  bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS oxbow_unique_ends ON oxbow_unique (ends_at_ms);

CREATE OR REPLACE FUNCTION oxbow_has_ended(p_queue text, p_id text) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$
  SELECT NOT EXISTS (SELECT FROM job WHERE queue = p_queue AND id = p_id AND state NOT IN ('completed', 'failed'))
$$;

CREATE OR REPLACE FUNCTION oxbow_has_started(p_queue text, p_id text) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$
  SELECT EXISTS (SELECT FROM job WHERE queue = p_queue AND id = p_id AND attempts_started > 0)
$$;

CREATE OR REPLACE FUNCTION oxbow_add_unique(
  p_key text, p_until text, p_ttl_ms bigint, p_conflict text, p_max_delay_ms bigint, p_follower_delay_ms bigint, p_job jsonb
) RETURNS TABLE (created boolean, queue text, id text)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  v_now    bigint := oxbow_now_ms();
  v_queue  text := p_job->>'queue';
  v_id     text := p_job->>'id';
  v_delay  bigint := COALESCE((p_job->>'delay')::bigint, 0);
  v_found  oxbow_unique%ROWTYPE;
  v_changed integer;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_unique'), hashtext(p_key));
  DELETE FROM oxbow_unique WHERE key IN (SELECT key FROM oxbow_unique WHERE ends_at_ms <= v_now AND key <> p_key LIMIT 10 FOR UPDATE SKIP LOCKED);
  SELECT * INTO v_found FROM oxbow_unique WHERE key = p_key AND ends_at_ms > v_now;
  IF FOUND THEN
    IF v_found.id = v_id OR v_found.next_id = v_id THEN
      RETURN QUERY SELECT true, v_queue, v_id;
      RETURN;
    END IF;
    IF v_found.next_id IS NOT NULL AND oxbow_has_ended(v_found.queue, v_found.id) THEN
      UPDATE oxbow_unique SET queue = next_queue, id = next_id, next_queue = NULL, next_id = NULL, added_at_ms = v_now
       WHERE key = p_key RETURNING * INTO v_found;
    END IF;
    IF NOT ((p_until <> 'expired' AND oxbow_has_ended(v_found.queue, v_found.id))
            OR (p_until = 'started' AND oxbow_has_started(v_found.queue, v_found.id))) THEN
      IF p_conflict = 'keep' THEN
        RETURN QUERY SELECT false, v_found.queue, v_found.id;
        RETURN;
      END IF;
      -- While it waits for its first start.
      UPDATE job SET data = p_job->'data' WHERE job.queue = v_found.queue AND job.id = v_found.id AND attempts_started = 0;
      GET DIAGNOSTICS v_changed = ROW_COUNT;
      IF v_changed > 0 AND v_delay > 0 THEN
        PERFORM change_delay(v_found.queue, v_found.id,
                             GREATEST(0, LEAST(v_now + v_delay, v_found.added_at_ms + p_max_delay_ms) - v_now), v_now);
      END IF;
      IF v_changed > 0 OR p_conflict = 'replace' THEN
        RETURN QUERY SELECT false, v_found.queue, v_found.id;
        RETURN;
      END IF;
      UPDATE job SET data = p_job->'data' WHERE job.queue = v_found.next_queue AND job.id = v_found.next_id AND attempts_started = 0
         AND state NOT IN ('completed', 'failed');
      GET DIAGNOSTICS v_changed = ROW_COUNT;
      IF v_changed > 0 THEN
        RETURN QUERY SELECT false, v_found.next_queue, v_found.next_id;
        RETURN;
      END IF;
      UPDATE oxbow_unique SET next_queue = v_queue, next_id = v_id, ends_at_ms = v_now + p_ttl_ms WHERE key = p_key;
      PERFORM oxbow_add_flows(jsonb_build_array(jsonb_set(p_job, '{delay}', to_jsonb(GREATEST(v_delay, p_follower_delay_ms)))),
                              ARRAY[v_queue], '{}', '{}', true);
      RETURN QUERY SELECT true, v_queue, v_id;
      RETURN;
    END IF;
  END IF;
  INSERT INTO oxbow_unique AS present (key, queue, id, added_at_ms, ends_at_ms) VALUES (p_key, v_queue, v_id, v_now, v_now + p_ttl_ms)
  ON CONFLICT (key) DO UPDATE SET queue = EXCLUDED.queue, id = EXCLUDED.id, next_queue = NULL, next_id = NULL,
    added_at_ms = EXCLUDED.added_at_ms, ends_at_ms = EXCLUDED.ends_at_ms;
  PERFORM oxbow_add_flows(jsonb_build_array(p_job), ARRAY[v_queue], '{}', '{}', true);
  RETURN QUERY SELECT true, v_queue, v_id;
END;
$$;

CREATE OR REPLACE FUNCTION oxbow_leave_unique(p_key text, p_queue text, p_id text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_queue text;
  v_id    text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_unique'), hashtext(p_key));
  DELETE FROM oxbow_unique WHERE key = p_key AND queue = p_queue AND id = p_id AND next_id IS NULL;
  IF FOUND THEN
    RETURN;
  END IF;
  UPDATE oxbow_unique SET queue = next_queue, id = next_id, next_queue = NULL, next_id = NULL
   WHERE key = p_key AND queue = p_queue AND id = p_id RETURNING queue, id INTO v_queue, v_id;
  IF FOUND THEN
    PERFORM promote(v_queue, v_id);
  END IF;
END;
$$;`;
