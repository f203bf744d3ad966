/**
 * Unlogged: what is lost in a crash is said again with the next beat, and nobody waits for the disk. No index on times, so that a beat
 * rewrites no index; the table has a row a worker.
 */
export const WORKERS = `
CREATE UNLOGGED TABLE IF NOT EXISTS oxbow_worker (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,
  entry      text   NOT NULL,
  beat_at_ms bigint NOT NULL,
  ends_at_ms bigint NOT NULL
);
CREATE OR REPLACE FUNCTION oxbow_worker_beat(p_id text, p_entry text, p_lease_ms bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_now bigint := oxbow_now_ms();
BEGIN
  DELETE FROM oxbow_worker WHERE id IN (
    SELECT id FROM oxbow_worker WHERE ends_at_ms <= v_now AND id <> p_id LIMIT 100 FOR UPDATE SKIP LOCKED
  );
  INSERT INTO oxbow_worker VALUES (p_id, p_entry, v_now, v_now + p_lease_ms)
  ON CONFLICT (id) DO UPDATE SET entry = EXCLUDED.entry, beat_at_ms = EXCLUDED.beat_at_ms, ends_at_ms = EXCLUDED.ends_at_ms;
END;
$$;`;
