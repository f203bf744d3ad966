import { LEASE_SCHEMA } from './lease-schema.ts';
import { RATE_SCHEMA } from './rate-schema.ts';

/** Grows with every change of {@link STORE_SCHEMA}. */
export const STORE_VERSION = 1;

const CLOCK = `
CREATE OR REPLACE FUNCTION oxbow_now_ms() RETURNS bigint LANGUAGE sql AS $$
  SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;`;

/** Tables and functions of the SQL stores; run as a whole in one transaction, on a schema that may have an older form of them. */
export const STORE_SCHEMA: string = [CLOCK, LEASE_SCHEMA, RATE_SCHEMA].join('\n');
