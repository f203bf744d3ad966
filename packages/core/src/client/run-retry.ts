import { isCall, placeOf, shapeOf, type RunPlace } from '../canvas/nodes.ts';
import type { CanvasMessage, NodeIndex } from '../canvas/plan.ts';
import { begin } from '../canvas/publish.ts';
import { seeded } from '../canvas/seed.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Engine, JobPlace, StoredJob } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { toFlow } from '../execution/publication.ts';
import { runOf } from '../execution/replacement.ts';
import { decodeEnvelope } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import type { HandleSource } from './handle.ts';
import { valuesOf } from './run-states.ts';
import { statusOf } from './status.ts';

const FORGOTTEN_AT_ONCE = 1000;
const TRIED = /\.r(?<times>\d+)$/u;

/**
 * Enqueues what is left of a run under a computed id: a run that is tried again once is not tried again twice. Then the index forgets the
 * dead letters of what is tried again; should the process die between, the next call does that.
 * @throws OxbowError `invalid_options` when it has not ended, or has succeeded
 */
export async function retryFailed({ engine, flows, deadLetters }: HandleSource, run: RunPlace, root: StoredJob): Promise<RunPlace> {
  if (root.state !== 'failed')
    throw new OxbowError('invalid_options', `The run ${publicId(root.id, root.queue)} has not failed: it is ${statusOf(root)}.`);
  const times = Number(TRIED.exec(run.rootId)?.groups?.['times'] ?? 0);
  const rootId = `${run.rootId.replace(TRIED, '')}.r${times + 1}`;
  const calls = callsOf(run);
  const values = await valuesOf(engine, run, calls);
  const plan = seeded(run.plan, values);
  const again = { plan, rootId, rootQueue: run.rootQueue };
  const isThere = (await engine.find(again.rootQueue, rootId)) !== undefined;
  if (!isThere) await flows.add(toFlow(begin(again)));
  crashpoint('retried-before-forgotten');
  const tried = await withReplacements(engine, run, [...calls.filter((at) => isTried(run, at, values)), run.plan.root]);
  for (let from = 0; from < tried.length; from += FORGOTTEN_AT_ONCE)
    await deadLetters.forget(tried.slice(from, from + FORGOTTEN_AT_ONCE).map(({ queue, id }) => publicId(id, queue)));
  return again;
}

/** What a group did without whose join has succeeded is not tried again. */
function isTried({ plan }: RunPlace, call: NodeIndex, values: ReadonlyMap<NodeIndex, unknown>): boolean {
  for (let at: NodeIndex | undefined = call; at !== undefined; at = shapeOf(plan, at).join)
    if (values.has(at) || !isCall(plan.nodes[at])) return false;
  return true;
}

/** The jobs of these calls, and of what replaced them. */
async function withReplacements(engine: Engine, run: RunPlace, calls: readonly NodeIndex[]): Promise<readonly JobPlace[]> {
  const places = calls.map((at) => placeOf(run, at));
  const jobs = await engine.findMany(places);
  const inner = await Promise.all(
    jobs.map(async (job) => {
      const rep = job === undefined ? undefined : replacementIn(job);
      return rep === undefined ? [] : withReplacements(engine, rep, callsOf(rep));
    }),
  );
  return [...places, ...inner.flat()];
}

function replacementIn(job: StoredJob): RunPlace | undefined {
  const decoded = decodeEnvelope(job.data);
  const rep = decoded.kind === 'envelope' ? (decoded.envelope.canvas as CanvasMessage | undefined)?.rep : undefined;
  return rep === undefined ? undefined : runOf(job, rep);
}

function callsOf({ plan }: RunPlace): readonly NodeIndex[] {
  return plan.nodes.flatMap((node, at) => (isCall(node) && at !== plan.root ? [at] : []));
}
