/**
 * A claim, or an end, of a key waits for whoever claims or ends it; different keys do not wait for each other. What has ended is as if it
 * were not there, and goes a few rows at a time when a key is claimed anew.
 */
export const RECORDS = `
CREATE TABLE IF NOT EXISTS oxbow_record (
  key           text   PRIMARY KEY,
  fingerprint   text   NOT NULL,
  status        text   NOT NULL,
  owner         text   NOT NULL,
  value         text   NOT NULL,
  claimed_at_ms bigint NOT NULL,
  ends_at_ms    bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS oxbow_record_ends ON oxbow_record (ends_at_ms);
CREATE OR REPLACE FUNCTION oxbow_claim(
  p_key text, p_owner text, p_fingerprint text, p_ttl_ms bigint, p_keeps_failures boolean, p_over text
) RETURNS SETOF oxbow_record LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_now bigint := oxbow_now_ms();
BEGIN
  INSERT INTO oxbow_record AS old VALUES (p_key, p_fingerprint, 'running', p_owner, '', v_now, v_now + p_ttl_ms)
  ON CONFLICT (key) DO UPDATE SET (fingerprint, status, owner, value, claimed_at_ms, ends_at_ms) =
    (EXCLUDED.fingerprint, EXCLUDED.status, EXCLUDED.owner, EXCLUDED.value, EXCLUDED.claimed_at_ms, EXCLUDED.ends_at_ms)
  WHERE old.ends_at_ms <= v_now
     OR (old.owner = p_owner AND old.status <> 'succeeded')
     OR (old.status = 'failed' AND NOT p_keeps_failures)
     OR (old.status = 'running' AND old.owner = p_over);
  IF FOUND THEN
    DELETE FROM oxbow_record WHERE key IN (
      SELECT key FROM oxbow_record WHERE ends_at_ms <= v_now ORDER BY ends_at_ms LIMIT 5 FOR UPDATE SKIP LOCKED
    );
  ELSE
    RETURN QUERY SELECT * FROM oxbow_record WHERE key = p_key;
  END IF;
END;
$$;
CREATE OR REPLACE FUNCTION oxbow_succeed(
  p_key text, p_owner text, p_fingerprint text, p_ttl_ms bigint, p_value text
) RETURNS text LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_now bigint := oxbow_now_ms();
BEGIN
  INSERT INTO oxbow_record AS old VALUES (p_key, p_fingerprint, 'succeeded', p_owner, p_value, v_now, v_now + p_ttl_ms)
  ON CONFLICT (key) DO UPDATE SET (status, owner, value, ends_at_ms, fingerprint) =
    (EXCLUDED.status, EXCLUDED.owner, EXCLUDED.value, EXCLUDED.ends_at_ms,
     CASE WHEN old.owner = p_owner AND old.ends_at_ms > v_now THEN old.fingerprint ELSE EXCLUDED.fingerprint END)
  WHERE old.ends_at_ms <= v_now OR (old.owner = p_owner AND old.status <> 'succeeded');
  IF FOUND THEN RETURN p_value; END IF;
  RETURN (
    SELECT value FROM oxbow_record
    WHERE key = p_key AND status = 'succeeded' AND (owner = p_owner OR fingerprint = p_fingerprint)
  );
END;
$$;`;
