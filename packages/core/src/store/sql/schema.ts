import { UNIQUE } from './unique-schema.ts';

import { RECORDS } from './records-schema.ts';
import { STEPS } from './steps-schema.ts';

import { DEAD_LETTERS } from './dead-letters-schema.ts';
import { FINISHED } from './finished-schema.ts';

import { LEASE_SCHEMA } from './lease-schema.ts';
import { RATE_SCHEMA } from './rate-schema.ts';
import { RETENTION } from './retention-schema.ts';
import { WORKERS } from './workers-schema.ts';

/** Grows with every change of {@link STORE_SCHEMA}. */
export const STORE_VERSION = 3;

const CLOCK = `
CREATE OR REPLACE FUNCTION oxbow_now_ms() RETURNS bigint LANGUAGE sql AS $$
  SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;`;

/** Jobs that outlasted a blocked worker. */
const BLOCKED_JOBS = `
CREATE TABLE IF NOT EXISTS oxbow_blocked_job (
  id         text    NOT NULL PRIMARY KEY,
  times      integer NOT NULL,
  ends_at_ms bigint  NOT NULL
);`;

/** Tables and functions of the SQL stores; run as a whole in one transaction, on a schema that may have an older form of them. */
export const STORE_SCHEMA: string = [
  CLOCK,
  LEASE_SCHEMA,
  RATE_SCHEMA,
  UNIQUE,
  RECORDS,
  STEPS,
  DEAD_LETTERS,
  FINISHED,
  BLOCKED_JOBS,
  RETENTION,
  WORKERS,
].join('\n');
