import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { FlowJob } from './engine.ts';
import { ADD_FLOW, toFlowArguments } from './redis-flow.ts';
import { ScriptCalls, type ScriptArgument } from './script-call.ts';

/** BullMQ's moveToFinished has so many keys and arguments. */
const KEYS = 14;
const ARGUMENTS = 9;
/** None of BullMQ's codes. */
export const REFUSED = -57;

/**
 * BullMQ's moveToFinished, which first adds a flow; nothing is changed when that is refused. The flow is left out when the job is
 * not to complete (another has its lock, or it has children that have not succeeded): BullMQ's script says so then.
 *
 * KEYS[15] what the keys of all queues begin with; ARGV[10] and on: the flow
 */
function withFlow(lua: string): string {
  return `
local function follow_up()
  if redis.call('GET', KEYS[12] .. ':lock') ~= cmsgpack.unpack(ARGV[8])['token'] then return 0 end
  if redis.call('EXISTS', KEYS[12] .. ':dependencies', KEYS[12] .. ':unsuccessful') > 0 then return 0 end
  local flow = {}
  for i = ${ARGUMENTS + 1}, #ARGV do flow[i - ${ARGUMENTS}] = ARGV[i] end
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
  readonly #lua: string;
  readonly #calls: ScriptCalls;

  /** @param lua - BullMQ's moveToFinished. */
  constructor(lua: string) {
    this.#lua = withFlow(lua);
    this.#calls = new ScriptCalls({ sha: createHash('sha1').update(this.#lua).digest('hex'), numberOfKeys: KEYS + 1 });
  }

  /**
   * @param args - of moveToFinished, keys first.
   * @param prefix - what the keys of all queues begin with.
   */
  async finish(client: Redis, args: readonly ScriptArgument[], flow: readonly FlowJob[], prefix: string): Promise<unknown> {
    const own = [...args.slice(KEYS), ...Array.from({ length: KEYS + ARGUMENTS - args.length }, () => '')];
    const all = [...args.slice(0, KEYS), prefix, ...own, ...toFlowArguments(prefix, flow)];
    try {
      return await this.#calls.send(client, all);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return client.eval(this.#lua, KEYS + 1, ...all.map((arg) => arg ?? ''));
    }
  }
}
