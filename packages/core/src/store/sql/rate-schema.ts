import { RATE_SLACK_MS, TURN_KEPT_MS } from '../rates.ts';

/**
 * When the line of reserved starts ends, and when the bucket of real starts is full again: theoretical arrival times of GCRA, counted by the
 * interval `every_ms`. Overrides of limits are by task.
 */
const TABLES = `
CREATE TABLE IF NOT EXISTS oxbow_rate (
  key        text             PRIMARY KEY,
  line_ms    double precision NOT NULL,
  used_ms    double precision NOT NULL,
  ends_at_ms bigint           NOT NULL
);
ALTER TABLE oxbow_rate ADD COLUMN IF NOT EXISTS every_ms double precision;
CREATE TABLE IF NOT EXISTS oxbow_rate_override (
  task        text    NOT NULL PRIMARY KEY,
  per_ms      bigint  NOT NULL,
  start_limit integer NOT NULL,
  burst       integer NOT NULL
);
CREATE INDEX IF NOT EXISTS oxbow_rate_ends ON oxbow_rate (ends_at_ms);
CREATE TABLE IF NOT EXISTS oxbow_turn (
  key        text             NOT NULL,
  turn       text             NOT NULL,
  at_ms      double precision NOT NULL,
  counted    boolean          NOT NULL,
  ends_at_ms bigint           NOT NULL,
  PRIMARY KEY (key, turn)
);
CREATE INDEX IF NOT EXISTS oxbow_turn_ends ON oxbow_turn (ends_at_ms);`;

/** Removes a few rows, of any key, that have no effect any more. */
const SWEEP = `
CREATE OR REPLACE FUNCTION oxbow_sweep_rates() RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
  DELETE FROM oxbow_rate WHERE key IN (
    SELECT key FROM oxbow_rate WHERE ends_at_ms <= oxbow_now_ms() ORDER BY ends_at_ms LIMIT 3 FOR UPDATE SKIP LOCKED);
  DELETE FROM oxbow_turn WHERE (key, turn) IN (
    SELECT key, turn FROM oxbow_turn WHERE ends_at_ms <= oxbow_now_ms() ORDER BY ends_at_ms LIMIT 3 FOR UPDATE SKIP LOCKED);
$$;`;

const TAKE = `
CREATE OR REPLACE FUNCTION oxbow_take_turn(p_key text, p_turn text, p_per_ms bigint, p_limit integer, p_burst integer, p_task text) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_now      double precision;
  v_interval double precision;
  v_room     double precision;
  v_every    double precision;
  v_reserved oxbow_turn;
  v_line     double precision;
  v_used     double precision;
  v_at       double precision;
  v_counted  boolean := true;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_rate'), hashtext(p_key));
  SELECT COALESCE(own.per_ms, p_per_ms), COALESCE(own.start_limit, p_limit), COALESCE(own.burst, p_burst)
    INTO p_per_ms, p_limit, p_burst
    FROM (SELECT p_task AS task) AS asked LEFT JOIN oxbow_rate_override AS own USING (task);
  v_interval := p_per_ms::double precision / p_limit;
  v_room := (p_burst - 1) * v_interval;
  v_now := extract(epoch FROM clock_timestamp()) * 1000;
  PERFORM oxbow_sweep_rates();
  SELECT * INTO v_reserved FROM oxbow_turn WHERE key = p_key AND turn = p_turn AND ends_at_ms > v_now;
  IF v_reserved.at_ms > v_now THEN
    RETURN ceil(v_reserved.at_ms - v_now);
  ELSIF v_reserved.counted THEN
    v_at := v_reserved.at_ms;
  ELSE
    SELECT line_ms, used_ms, every_ms INTO v_line, v_used, v_every FROM oxbow_rate WHERE key = p_key;
    v_line := COALESCE(v_line, 0);
    v_used := COALESCE(v_used, 0);
    IF v_every <> v_interval THEN
      v_line := v_now + GREATEST(0, v_line - v_now) * v_interval / v_every;
      v_used := v_now + GREATEST(0, v_used - v_now) * v_interval / v_every;
    END IF;
    IF v_reserved.turn IS NULL THEN
      v_at := v_line - v_room;
      v_counted := v_at <= v_now;
      v_line := GREATEST(v_line, v_now) + v_interval;
    END IF;
    IF v_counted THEN
      v_at := v_used - v_room;
      IF v_reserved.turn IS NOT NULL AND v_at - v_now <= LEAST(v_interval, ${RATE_SLACK_MS}) THEN
        v_at := v_now;
      END IF;
      v_at := GREATEST(v_at, v_now);
      v_used := GREATEST(v_used, v_now) + v_interval;
    END IF;
    INSERT INTO oxbow_rate (key, line_ms, used_ms, ends_at_ms, every_ms)
    VALUES (p_key, v_line, v_used, ceil(GREATEST(v_line, v_used, v_now)) + 1000, v_interval)
    ON CONFLICT (key) DO UPDATE SET
      line_ms = EXCLUDED.line_ms, used_ms = EXCLUDED.used_ms, ends_at_ms = EXCLUDED.ends_at_ms, every_ms = EXCLUDED.every_ms;
  END IF;
  INSERT INTO oxbow_turn VALUES (p_key, p_turn, v_at, v_counted,
    ceil(GREATEST(v_at, v_now)) + LEAST(GREATEST(p_per_ms, ${TURN_KEPT_MS.least}), ${TURN_KEPT_MS.most}))
  ON CONFLICT (key, turn) DO UPDATE SET at_ms = EXCLUDED.at_ms, counted = EXCLUDED.counted, ends_at_ms = EXCLUDED.ends_at_ms;
  RETURN GREATEST(0, ceil(v_at - v_now));
END;
$$;`;

export const RATE_SCHEMA: string = [TABLES, SWEEP, TAKE].join('\n');
