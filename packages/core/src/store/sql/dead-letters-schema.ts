/** Ids are compared by their bytes, as Redis compares them. A group goes with its last letter. */
export const DEAD_LETTERS = `
CREATE TABLE IF NOT EXISTS oxbow_dead_letter_group (
  fingerprint text   NOT NULL PRIMARY KEY,
  kind        jsonb  NOT NULL,
  first_at_ms bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS oxbow_dead_letter (
  id          text COLLATE "C" NOT NULL PRIMARY KEY,
  fingerprint text   NOT NULL,
  task        text   NOT NULL,
  queue       text   NOT NULL,
  at_ms       bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS oxbow_dead_letter_time_idx ON oxbow_dead_letter (at_ms, id);
CREATE INDEX IF NOT EXISTS oxbow_dead_letter_queue_idx ON oxbow_dead_letter (queue, at_ms);
CREATE INDEX IF NOT EXISTS oxbow_dead_letter_fingerprint_idx ON oxbow_dead_letter (fingerprint, at_ms);

CREATE OR REPLACE FUNCTION oxbow_forget_dead_letters(p_ids text[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
  DELETE FROM oxbow_dead_letter WHERE id = ANY (p_ids);
  DELETE FROM oxbow_dead_letter_group AS one
   WHERE NOT EXISTS (SELECT FROM oxbow_dead_letter AS letter WHERE letter.fingerprint = one.fingerprint);
$$;

CREATE OR REPLACE FUNCTION oxbow_purge_dead_letters(p_ids text[]) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_removed integer;
BEGIN
  -- One at a time, as whoever adds: so a group is not taken for empty while it gets a letter.
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_dead_letter'), 0);
  DELETE FROM job USING unnest(p_ids) AS wanted (letter)
   WHERE job.queue = substring(letter FROM '[^@]*$') AND job.id = regexp_replace(letter, '@[^@]*$', '') AND job.state = 'failed';
  GET DIAGNOSTICS v_removed = ROW_COUNT;
  PERFORM oxbow_forget_dead_letters(p_ids);
  RETURN v_removed;
END;
$$;

CREATE OR REPLACE FUNCTION oxbow_prune_dead_letters(p_age_ms bigint, p_count integer) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_now  bigint;
  v_over text[];
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_dead_letter'), 0);
  v_now := oxbow_now_ms();
  SELECT array_agg(id) INTO v_over FROM (
    (SELECT id FROM oxbow_dead_letter WHERE at_ms <= v_now - p_age_ms ORDER BY at_ms, id LIMIT 100)
    UNION
    (SELECT id FROM oxbow_dead_letter ORDER BY at_ms, id
      LIMIT GREATEST(0, LEAST(100, (SELECT count(*) FROM oxbow_dead_letter) - p_count)))
  ) AS old;
  IF v_over IS NULL THEN
    RETURN 0;
  END IF;
  PERFORM oxbow_purge_dead_letters(v_over);
  RETURN cardinality(v_over);
END;
$$;

CREATE OR REPLACE FUNCTION oxbow_add_dead_letter(p_id text, p_fingerprint text, p_kind jsonb, p_age_ms bigint, p_count integer) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_now bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_dead_letter'), 0);
  v_now := oxbow_now_ms();
  INSERT INTO oxbow_dead_letter_group VALUES (p_fingerprint, p_kind, v_now) ON CONFLICT DO NOTHING;
  INSERT INTO oxbow_dead_letter VALUES (p_id, p_fingerprint, p_kind->>'task', substring(p_id FROM '[^@]*$'), v_now)
  ON CONFLICT (id) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, task = EXCLUDED.task, at_ms = EXCLUDED.at_ms;
  PERFORM oxbow_prune_dead_letters(p_age_ms, p_count);
  RETURN (SELECT count(*) FROM oxbow_dead_letter WHERE fingerprint = p_fingerprint);
END;
$$;`;
