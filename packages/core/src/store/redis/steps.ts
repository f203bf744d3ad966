import type { RedisStoreServer } from '../../engine/engine.ts';
import type { StepStore } from '../steps.ts';

/** Of a job: `once:<job>`, a hash of its steps; Redis ends it. */
const SETUP = `
local call = redis.call
local steps = KEYS[1] .. 'once:' .. ARGV[1]`;

/** ARGV: job. */
const READ = `${SETUP}
return call('HGETALL', steps)`;

/** ARGV: job, step, text, ttl. */
const RECORD = `${SETUP}
call('HSETNX', steps, ARGV[2], ARGV[3])
call('PEXPIRE', steps, ARGV[4])
return call('HGET', steps, ARGV[2])`;

/** ARGV: job. */
const FORGET = `${SETUP}
call('DEL', steps)`;

export function redisSteps(server: RedisStoreServer): StepStore {
  return {
    read: async (job) => {
      const flat = (await server.run(READ, [job])) as readonly string[];
      return new Map(flat.flatMap((text, i) => (i % 2 === 0 ? [[text, flat[i + 1] ?? ''] as const] : [])));
    },
    record: async ({ job, step, text, ttlMs }) => (await server.run(RECORD, [job, step, text, ttlMs])) as string,
    forget: async (job) => void (await server.run(FORGET, [job])),
  };
}
