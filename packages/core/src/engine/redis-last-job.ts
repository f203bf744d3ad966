/**
 * One of BullMQ's scripts that bring jobs. BullMQ sets the marker, for which idle workers wait, with every job that is brought, so that one of
 * them looks for the next. When no job is left, waiting, prioritized or delayed, the marker goes in the same step and the reply has
 * a fifth item: nobody is woken for nothing, and nobody need ask. Whoever adds a job sets the marker again.
 *
 * @param marker - which key that is. KEYS[1], KEYS[3] and KEYS[7] hold the jobs.
 */
export function tellingLast(lua: string, marker: number): string {
  return `
local function bring(KEYS, ARGV)
${lua}
end
local brought = bring(KEYS, ARGV)
if type(brought) == 'table' and type(brought[1]) == 'table' and redis.call('EXISTS', KEYS[1], KEYS[3], KEYS[7]) == 0 then
  redis.call('ZREM', KEYS[${marker}], '0')
  brought[5] = 1
end
return brought`;
}

/** Which job the replies of these scripts have told to be the last. */
export class LastJob {
  #id: string | undefined;

  /** Hands on what it has heard. */
  readonly hear = (reply: unknown): unknown => {
    if (Array.isArray(reply) && Array.isArray(reply[0])) this.#id = reply[4] === 1 ? (reply[1] as string) : undefined;
    return reply;
  };

  /** True once for a job that was told of; not when another came after it. */
  was(id: string): boolean {
    const was = this.#id === id;
    if (was) this.#id = undefined;
    return was;
  }
}
