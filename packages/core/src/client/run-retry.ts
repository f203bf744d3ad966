import { isCall, type RunPlace } from '../canvas/nodes.ts';
import { begin } from '../canvas/publish.ts';
import { seeded } from '../canvas/seed.ts';
import type { StoredJob } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { toFlow } from '../execution/publication.ts';
import { publicId } from '../task/id.ts';
import type { HandleSource } from './handle.ts';
import { valuesOf } from './run-states.ts';
import { statusOf } from './status.ts';

const TRIED = /\.r(?<times>\d+)$/u;

/**
 * Enqueues what is left of a run under a computed id: a run that is tried again once is not tried again twice.
 * @throws OxbowError `invalid_options` when it has not ended, or has succeeded
 */
export async function retryFailed({ engine, flows }: HandleSource, run: RunPlace, root: StoredJob): Promise<RunPlace> {
  if (root.state !== 'failed')
    throw new OxbowError('invalid_options', `The run ${publicId(root.id, root.queue)} has not failed: it is ${statusOf(root)}.`);
  const times = Number(TRIED.exec(run.rootId)?.groups?.['times'] ?? 0);
  const rootId = `${run.rootId.replace(TRIED, '')}.r${times + 1}`;
  const calls = run.plan.nodes.flatMap((node, at) => (isCall(node) && at !== run.plan.root ? [at] : []));
  const plan = seeded(run.plan, await valuesOf(engine, run, calls));
  const again = { plan, rootId, rootQueue: run.rootQueue };
  const isThere = (await engine.find(again.rootQueue, rootId)) !== undefined;
  if (!isThere) await flows.add(toFlow(begin(again)));
  return again;
}
