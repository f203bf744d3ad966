import { OxbowError, type JobHandle } from '@oxbow/core';
import { refusalOf } from './access.ts';
import { toJson } from './answer.ts';
import { idempotencyKeyOf, keyOfClient } from './idempotency-key.ts';
import { pathOf } from './job-view.ts';
import { readJson } from './json-body.ts';
import type { HttpSettings, HttpTask } from './options.ts';
import { Problem } from './problem.ts';

/**
 * `POST /tasks/:name`: the body is the input. Everything is checked before the one enqueue; when it has answered, the job is there.
 * @throws Problem; what the enqueue throws
 */
export async function enqueue(settings: HttpSettings, request: Request, name: string): Promise<Response> {
  const task = settings.tasks.get(name);
  const refused = await refusalOf(settings.authorize, request, { action: 'enqueue', task: task?.name, id: undefined });
  if (refused !== undefined) return refused;
  if (task === undefined) throw new Problem('unknown_task');
  const key = idempotencyKeyOf(request.headers, settings.requireIdempotencyKey);
  const input = await readJson(request, settings.maxBodyBytes);
  const handle = await add(task, input, key === undefined ? undefined : await ownKey(settings, request, key));
  const location = pathOf(settings, handle.id);
  if (key !== undefined && !handle.created && !handle.replayed)
    throw new Problem('idempotency_key_in_use', {
      detail: 'Its job has not ended. Repeat the request later, or follow the job.',
      headers: { location, 'retry-after': '1' },
      members: { job: handle.id },
    });
  return toJson(202, toAccepted(handle, task, location), { location, ...(handle.replayed ? { 'idempotent-replayed': 'true' } : {}) });
}

async function ownKey({ clientOf }: HttpSettings, request: Request, key: string): Promise<string> {
  return clientOf === undefined ? key : keyOfClient(await clientOf(request), key);
}

async function add(task: HttpTask, input: unknown, idempotencyKey: string | undefined): Promise<JobHandle> {
  if (idempotencyKey === undefined) return task.enqueue(input as never);
  try {
    return await task.enqueue(input as never, { idempotencyKey });
  } catch (error) {
    // The only option that is given: the task is unique, throttled or debounced.
    if (OxbowError.is(error) && error.code === 'invalid_options') throw new Problem('idempotency_key_unsupported');
    throw error;
  }
}

function toAccepted({ id, created }: JobHandle, { name }: HttpTask, location: string): object {
  return { id, task: name, created, links: { self: location, result: `${location}/result`, events: `${location}/events` } };
}
