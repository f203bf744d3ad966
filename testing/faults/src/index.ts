/** The fault kit: real servers that are stopped, paused and restarted, and what witnesses the outcome. Not published. */
export { freePort } from './ports.ts';
export { findProgram } from './programs.ts';
export { redisProgram, RedisServer } from './redis-server.ts';
export { until } from './until.ts';
