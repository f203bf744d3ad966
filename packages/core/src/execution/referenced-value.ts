import { placeOf, shapeOf, type RunPlace } from '../canvas/nodes.ts';
import type { NodeIndex } from '../canvas/plan.ts';
import { realPlace } from '../canvas/replaced.ts';
import type { Engine, JobPlace } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { messageIn } from './canvas-job.ts';

/**
 * A value that is on record with the call that gave it: with its join once it has ended, in its own data before.
 * @throws OxbowError `run_over` when neither has it any more
 */
export async function referencedValue(engine: Engine, run: RunPlace, publisher: NodeIndex): Promise<unknown> {
  const { join } = shapeOf(run.plan, publisher);
  const parent = join === undefined ? undefined : realPlace(placeOf(run, join));
  const place = placeOf(run, publisher);
  const fromJoin = async (): Promise<{ readonly value: unknown } | undefined> =>
    parent === undefined ? undefined : (await engine.childValues(parent, [place]))[0];
  const found = (await fromJoin()) ?? (await recorded(engine, place)) ?? (await fromJoin());
  if (found !== undefined) return found.value;
  throw new OxbowError('run_over', `The result of job ${place.id}@${place.queue} is gone, and with it the run.`);
}

async function recorded(engine: Engine, { queue, id }: JobPlace): Promise<{ readonly value: unknown } | undefined> {
  const job = await engine.find(queue, id);
  const message = messageIn(job?.data);
  return message === undefined || !('out' in message) ? undefined : { value: message.out };
}
