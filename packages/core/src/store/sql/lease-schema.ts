import { CALLER_KEPT_MS, leaseMessage } from '../leases.ts';

/** A job stands in line for so long after the time at which it is due. */
const JOB_KEPT_MS = 3_600_000;
const MAX_DELAY_MS = 86_400_000;

const TABLES = `
CREATE SEQUENCE IF NOT EXISTS oxbow_fence;
CREATE SEQUENCE IF NOT EXISTS oxbow_line;
CREATE TABLE IF NOT EXISTS oxbow_lease (
  key        text   NOT NULL,
  owner      text   NOT NULL,
  fence      bigint NOT NULL,
  ends_at_ms bigint NOT NULL,
  PRIMARY KEY (key, owner)
);
CREATE INDEX IF NOT EXISTS oxbow_lease_ends ON oxbow_lease (ends_at_ms);
-- Who stands in line; queue and job_id of a job, else null.
CREATE TABLE IF NOT EXISTS oxbow_waiter (
  key        text    NOT NULL,
  owner      text    NOT NULL,
  priority   integer NOT NULL,
  seq        bigint  NOT NULL,
  ttl_ms     bigint  NOT NULL,
  since_ms   bigint  NOT NULL,
  ends_at_ms bigint  NOT NULL,
  queue      text,
  job_id     text,
  PRIMARY KEY (key, owner)
);
CREATE INDEX IF NOT EXISTS oxbow_waiter_line ON oxbow_waiter (key, priority, seq);
CREATE INDEX IF NOT EXISTS oxbow_waiter_ends ON oxbow_waiter (ends_at_ms);`;

/**
 * Every function that takes or gives places takes the key's advisory lock first and rows of jobs after it; those that BullMQ has locked
 * are being moved this moment, and are not waited for.
 */
const HAND_OVER = `
CREATE OR REPLACE FUNCTION oxbow_wake(p_queue text, p_id text) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_state text;
BEGIN
  SELECT state::text INTO v_state FROM job WHERE queue = p_queue AND id = p_id FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    SELECT state::text INTO v_state FROM job WHERE queue = p_queue AND id = p_id;
  ELSIF v_state = 'delayed' THEN
    UPDATE job SET state = 'waiting', process_at_ms = NULL, delay_ms = 0, seq = -nextval('job_seq') WHERE queue = p_queue AND id = p_id;
    PERFORM pg_notify('bullmq_jobs', p_queue);
    PERFORM publish_event(p_queue, 'waiting', jsonb_build_object('jobId', p_id, 'prev', 'delayed'));
  END IF;
  RETURN COALESCE(v_state IN ('delayed', 'waiting', 'active'), false);
END;
$$;

CREATE OR REPLACE FUNCTION oxbow_grant(p_key text, p_owner text, p_ttl_ms bigint) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT AS $$
  INSERT INTO oxbow_lease VALUES (p_key, p_owner, nextval('oxbow_fence'), oxbow_now_ms() + p_ttl_ms)
  ON CONFLICT (key, owner) DO UPDATE SET fence = EXCLUDED.fence, ends_at_ms = EXCLUDED.ends_at_ms
  RETURNING fence
$$;

CREATE OR REPLACE FUNCTION oxbow_fill(p_key text, p_owner text, p_slots integer, p_broadcasts text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_free   bigint;
  v_waiter oxbow_waiter;
BEGIN
  DELETE FROM oxbow_lease WHERE key = p_key AND ends_at_ms <= oxbow_now_ms();
  SELECT p_slots - count(*) INTO v_free FROM oxbow_lease WHERE key = p_key;
  WHILE v_free > 0 LOOP
    DELETE FROM oxbow_waiter AS waiter WHERE waiter.key = p_key AND waiter.owner = (
      SELECT owner FROM oxbow_waiter WHERE key = p_key ORDER BY priority, seq LIMIT 1
    ) RETURNING * INTO v_waiter;
    EXIT WHEN NOT FOUND;
    CONTINUE WHEN v_waiter.ends_at_ms <= oxbow_now_ms();
    IF v_waiter.queue IS NOT NULL THEN
      CONTINUE WHEN NOT oxbow_wake(v_waiter.queue, v_waiter.job_id);
      PERFORM oxbow_grant(p_key, v_waiter.owner, v_waiter.ttl_ms);
    ELSE
      PERFORM oxbow_grant(p_key, v_waiter.owner, LEAST(v_waiter.ttl_ms, ${CALLER_KEPT_MS}));
      IF v_waiter.owner <> p_owner THEN
        PERFORM publish_event(p_broadcasts, 'broadcast', jsonb_build_object('message', '${leaseMessage('')}' || v_waiter.owner));
      END IF;
    END IF;
    v_free := v_free - 1;
  END LOOP;
END;
$$;`;

/** Removes a few leases and waiters, of any key, that nobody has asked for since they ended. */
const SWEEP = `
CREATE OR REPLACE FUNCTION oxbow_sweep_leases() RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
  DELETE FROM oxbow_lease WHERE (key, owner) IN (
    SELECT key, owner FROM oxbow_lease WHERE ends_at_ms <= oxbow_now_ms() ORDER BY ends_at_ms LIMIT 3 FOR UPDATE SKIP LOCKED);
  DELETE FROM oxbow_waiter WHERE (key, owner) IN (
    SELECT key, owner FROM oxbow_waiter WHERE ends_at_ms <= oxbow_now_ms() ORDER BY ends_at_ms LIMIT 3 FOR UPDATE SKIP LOCKED);
$$;`;

const ACQUIRE = `
CREATE OR REPLACE FUNCTION oxbow_acquire(
  p_key text, p_owner text, p_slots integer, p_broadcasts text, p_ttl_ms bigint, p_waits boolean, p_for_ms bigint, p_queue text, p_id text,
  OUT fence bigint, OUT retry_in_ms bigint, OUT waiting boolean
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_now      bigint;
  v_since    bigint;
  v_priority integer;
  v_seq      bigint;
  v_ahead    bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_lease'), hashtext(p_key));
  PERFORM oxbow_fill(p_key, p_owner, p_slots, p_broadcasts);
  PERFORM oxbow_sweep_leases();
  -- A lease that has ended since the places were given may have been swept, here or elsewhere: its place is the line's.
  WHILE (SELECT count(*) FROM oxbow_lease AS lease WHERE lease.key = p_key) < p_slots
        AND EXISTS (SELECT FROM oxbow_waiter AS waiter WHERE waiter.key = p_key) LOOP
    PERFORM oxbow_fill(p_key, p_owner, p_slots, p_broadcasts);
  END LOOP;
  v_now := oxbow_now_ms();
  waiting := false;
  IF EXISTS (SELECT FROM oxbow_lease AS lease WHERE lease.key = p_key AND lease.owner = p_owner)
     OR (SELECT count(*) FROM oxbow_lease AS lease WHERE lease.key = p_key) < p_slots THEN
    DELETE FROM oxbow_waiter AS waiter WHERE waiter.key = p_key AND waiter.owner = p_owner;
    fence := oxbow_grant(p_key, p_owner, p_ttl_ms);
    RETURN;
  END IF;
  SELECT GREATEST(1, min(lease.ends_at_ms) - v_now) INTO retry_in_ms FROM oxbow_lease AS lease WHERE lease.key = p_key;
  SELECT since_ms, priority, seq INTO v_since, v_priority, v_seq FROM oxbow_waiter WHERE key = p_key AND owner = p_owner;
  v_since := COALESCE(v_since, v_now);
  IF NOT p_waits OR v_now >= v_since + p_for_ms THEN
    DELETE FROM oxbow_waiter WHERE key = p_key AND owner = p_owner;
    RETURN;
  END IF;
  waiting := true;
  v_priority := COALESCE(v_priority, (SELECT priority FROM job WHERE queue = p_queue AND id = p_id), 0);
  v_seq := COALESCE(v_seq, nextval('oxbow_line'));
  IF p_queue IS NOT NULL THEN
    SELECT count(*) INTO v_ahead FROM oxbow_waiter WHERE key = p_key AND (priority, seq) < (v_priority, v_seq);
    -- Who stands behind others needs to look only when those have had their time, each after the other.
    retry_in_ms := LEAST(retry_in_ms + v_ahead / p_slots * p_ttl_ms, ${MAX_DELAY_MS});
  END IF;
  INSERT INTO oxbow_waiter VALUES (p_key, p_owner, v_priority, v_seq, p_ttl_ms, v_since,
    v_now + CASE WHEN p_queue IS NULL THEN ${CALLER_KEPT_MS} ELSE retry_in_ms + ${JOB_KEPT_MS} END, p_queue, p_id)
  ON CONFLICT (key, owner) DO UPDATE SET ttl_ms = EXCLUDED.ttl_ms, ends_at_ms = EXCLUDED.ends_at_ms;
  retry_in_ms := GREATEST(1, LEAST(retry_in_ms, v_since + p_for_ms - v_now));
END;
$$;`;

const RELEASE = `
CREATE OR REPLACE FUNCTION oxbow_release(p_key text, p_owner text, p_slots integer, p_broadcasts text, p_fence bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_ends bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_lease'), hashtext(p_key));
  DELETE FROM oxbow_lease WHERE key = p_key AND owner = p_owner AND fence = p_fence RETURNING ends_at_ms INTO v_ends;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM oxbow_fill(p_key, p_owner, p_slots, p_broadcasts);
  RETURN v_ends > oxbow_now_ms();
END;
$$;

CREATE OR REPLACE FUNCTION oxbow_leave(p_key text, p_owner text, p_slots integer, p_broadcasts text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_lease'), hashtext(p_key));
  DELETE FROM oxbow_lease WHERE key = p_key AND owner = p_owner;
  DELETE FROM oxbow_waiter WHERE key = p_key AND owner = p_owner;
  PERFORM oxbow_fill(p_key, p_owner, p_slots, p_broadcasts);
END;
$$;`;

const PARK = `
CREATE OR REPLACE FUNCTION oxbow_park(p_key text, p_owner text, p_queue text, p_id text, p_token text, p_now bigint, p_delay_ms bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_lease'), hashtext(p_key));
  PERFORM FROM job WHERE queue = p_queue AND id = p_id AND state = 'active' AND lock_token = p_token FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  ELSIF EXISTS (SELECT FROM oxbow_lease WHERE key = p_key AND owner = p_owner AND ends_at_ms > oxbow_now_ms()) THEN
    PERFORM move_active_to_wait(p_queue, p_id, p_token, p_now);
  ELSE
    PERFORM move_to_delayed(p_queue, p_id, p_token, p_now + p_delay_ms, p_delay_ms, true, NULL, NULL);
  END IF;
END;
$$;`;

/** Whoever takes a key's places waits for whoever is taking them; different keys do not wait for each other. */
export const LEASE_SCHEMA: string = [TABLES, HAND_OVER, SWEEP, ACQUIRE, RELEASE, PARK].join('\n');
