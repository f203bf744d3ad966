import type { Draft } from '../canvas/publish.ts';
import { realPlace } from '../canvas/replaced.ts';
import type { FlowJob } from '../engine/engine.ts';
import { encodeEnvelope } from '../task/envelope.ts';

export interface Publisher {
  readonly runId: string;
  /** `<node>@<queue>` */
  readonly call: string;
}

/**
 * Drafts as jobs of one atomic add.
 * @param publisher - the call that they follow.
 */
export function toFlow(drafts: readonly Draft[], publisher?: Publisher): readonly FlowJob[] {
  const timestamp = Date.now();
  return drafts.map((draft) => toFlowJob(draft, timestamp, publisher));
}

function toFlowJob(draft: Draft, timestamp: number, publisher: Publisher | undefined): FlowJob {
  const { queue, id, task, parent, priority, attempts, ignore, parked } = draft;
  const delayMs = parked === true ? undefined : draft.delayMs;
  return {
    queue,
    id,
    name: task,
    data: encode(draft, timestamp, publisher !== undefined && follows(draft, publisher) ? publisher.call : undefined),
    timestamp,
    ...(parent === undefined ? {} : { parent: realPlace(parent) }),
    ...(ignore === true ? { onFailure: 'ignore' } : {}),
    ...(parked === true ? { parked } : {}),
    ...(delayMs === undefined || delayMs === 0 ? {} : { delayMs }),
    ...(priority === undefined ? {} : { priority }),
    ...(attempts === undefined ? {} : { attempts }),
  };
}

function encode({ input, headers, message, delayMs = 0, expiresMs, parked }: Draft, timestamp: number, from: string | undefined): string {
  // A join is ready when its members have ended, which nobody knows now.
  const expiresAt = expiresMs === undefined || parked === true ? undefined : timestamp + delayMs + expiresMs;
  return encodeEnvelope(
    input === undefined ? undefined : JSON.stringify(input),
    headers === undefined ? undefined : JSON.stringify(headers),
    expiresAt,
    JSON.stringify({ ...message, ...(from === undefined ? {} : { f: from }), ...(parked === true ? { j: 1 } : {}) }),
  );
}

/** Not a join, nor a job of a link's run. */
function follows({ id, message, parked }: Draft, { runId }: Publisher): boolean {
  const own = `${runId}-${message.p}`;
  return parked !== true && (id === own || (message.r !== undefined && id.startsWith(`${own}f`)));
}
