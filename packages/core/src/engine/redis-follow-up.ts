import type { Redis } from 'ioredis';
import type { FollowUp } from './follow-up.ts';
import { FINISH, finishParts } from './redis-completion.ts';
import { ADD_FLOW, toFlowArguments } from './redis-flow.ts';
import { RedisScript } from './redis-script.ts';
import type { ScriptArgument } from './script-call.ts';

const KEYS = FINISH.keys;
const OWN = FINISH.arguments + 1;
/** None of BullMQ's codes. */
export const REFUSED = -57;

/**
 * BullMQ's moveToFinished, which first adds a flow; nothing is changed when that is refused, or a certain job has failed. Both are left out
 * when the job is not to complete (another has its lock, or it has children that have not succeeded): BullMQ's script says so then.
 *
 * KEYS[15] what the keys of all queues begin with; ARGV[10] that job ('': none), ARGV[11] and on: the flow
 */
function withFlow(lua: string): string {
  return `
local function follow_up()
  if redis.call('GET', KEYS[12] .. ':lock') ~= cmsgpack.unpack(ARGV[8])['token'] then return 0 end
  if redis.call('EXISTS', KEYS[12] .. ':dependencies', KEYS[12] .. ':unsuccessful') > 0 then return 0 end
  if ARGV[${OWN}] ~= '' and redis.call('ZSCORE', ARGV[7] .. 'failed', ARGV[${OWN}]) then return 1 end
  if #ARGV == ${OWN + 1} then return 0 end
  local flow = {}
  for i = ${OWN + 1}, #ARGV do flow[i - ${OWN}] = ARGV[i] end
  local function add_flow(KEYS, ARGV)
${ADD_FLOW}
  end
  return add_flow({ KEYS[${KEYS + 1}] }, flow)
end
if follow_up() ~= 0 then return ${REFUSED} end
${lua}`;
}

/** Completes jobs and adds what follows them, in one script. */
export class RedisFollowUp {
  readonly #script: RedisScript;

  /** @param lua - BullMQ's moveToFinished. */
  constructor(lua: string) {
    this.#script = new RedisScript(withFlow(lua), KEYS + 1);
  }

  /**
   * @param args - of moveToFinished, keys first.
   * @param prefix - what the keys of all queues begin with.
   */
  finish(client: Redis, args: readonly ScriptArgument[], { flow, unless }: FollowUp, prefix: string): Promise<unknown> {
    const { keys, own } = finishParts(args);
    const all = [...keys, prefix, ...own, unless, ...toFlowArguments(prefix, flow)];
    return this.#script.run(client, all);
  }
}
