/** What has ended goes a few rows at a time when a step is recorded. */
export const STEPS = `
CREATE TABLE IF NOT EXISTS oxbow_step (
  job        text   NOT NULL,
  step       text   NOT NULL,
  value      text   NOT NULL,
  ends_at_ms bigint NOT NULL,
  PRIMARY KEY (job, step)
);
CREATE INDEX IF NOT EXISTS oxbow_step_ends ON oxbow_step (ends_at_ms);
CREATE OR REPLACE FUNCTION oxbow_record_step(p_job text, p_step text, p_value text, p_ttl_ms bigint) RETURNS text
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_now   bigint := oxbow_now_ms();
  v_value text;
BEGIN
  INSERT INTO oxbow_step AS old VALUES (p_job, p_step, p_value, v_now + p_ttl_ms)
  ON CONFLICT (job, step) DO UPDATE SET
    value = CASE WHEN old.ends_at_ms <= v_now THEN EXCLUDED.value ELSE old.value END, ends_at_ms = EXCLUDED.ends_at_ms
  RETURNING value INTO v_value;
  UPDATE oxbow_step SET ends_at_ms = v_now + p_ttl_ms WHERE job = p_job AND step <> p_step AND ends_at_ms > v_now;
  DELETE FROM oxbow_step WHERE (job, step) IN (
    SELECT job, step FROM oxbow_step WHERE ends_at_ms <= v_now ORDER BY ends_at_ms LIMIT 5 FOR UPDATE SKIP LOCKED
  );
  RETURN v_value;
END;
$$;`;
