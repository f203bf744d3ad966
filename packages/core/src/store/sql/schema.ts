import { UNIQUE } from './unique-schema.ts';

import { RECORDS } from './records-schema.ts';
import { STEPS } from './steps-schema.ts';

import { DEAD_LETTERS } from './dead-letters-schema.ts';

/** Grows with every change of {@link STORE_SCHEMA}. */
export const STORE_VERSION = 1;

const CLOCK = `
CREATE OR REPLACE FUNCTION oxbow_now_ms() RETURNS bigint LANGUAGE sql AS $$
  SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;`;

/** Whoever takes a key's places waits for whoever is taking them; different keys do not wait for each other. */
const LEASES = `
CREATE SEQUENCE IF NOT EXISTS oxbow_fence;
CREATE TABLE IF NOT EXISTS oxbow_lease (
  key        text   NOT NULL,
  owner      text   NOT NULL,
  fence      bigint NOT NULL,
  ends_at_ms bigint NOT NULL,
  PRIMARY KEY (key, owner)
);

CREATE OR REPLACE FUNCTION oxbow_acquire(p_key text, p_owner text, p_ttl_ms bigint, p_slots integer) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_first bigint;
  v_fence bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('oxbow_lease'), hashtext(p_key));
  DELETE FROM oxbow_lease WHERE key = p_key AND ends_at_ms <= oxbow_now_ms();
  IF NOT EXISTS (SELECT FROM oxbow_lease WHERE key = p_key AND owner = p_owner)
     AND (SELECT count(*) FROM oxbow_lease WHERE key = p_key) >= p_slots THEN
    SELECT min(ends_at_ms) INTO v_first FROM oxbow_lease WHERE key = p_key;
    RETURN -GREATEST(1, v_first - oxbow_now_ms());
  END IF;
  v_fence := nextval('oxbow_fence');
  INSERT INTO oxbow_lease VALUES (p_key, p_owner, v_fence, oxbow_now_ms() + p_ttl_ms)
  ON CONFLICT (key, owner) DO UPDATE SET fence = EXCLUDED.fence, ends_at_ms = EXCLUDED.ends_at_ms;
  RETURN v_fence;
END;
$$;`;

/** Jobs that outlasted a blocked worker. */
const BLOCKED_JOBS = `
CREATE TABLE IF NOT EXISTS oxbow_blocked_job (
  id         text    NOT NULL PRIMARY KEY,
  times      integer NOT NULL,
  ends_at_ms bigint  NOT NULL
);`;

/** Tables and functions of the SQL stores; run as a whole in one transaction, on a schema that may have an older form of them. */
export const STORE_SCHEMA: string = [CLOCK, LEASES, UNIQUE, RECORDS, STEPS, DEAD_LETTERS, BLOCKED_JOBS].join('\n');
