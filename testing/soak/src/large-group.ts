import type { App, Tree } from '@oxbow/core';

/** `count` for each of so many numbers, then `total` of what they gave. Returns the run's public id. */
export async function enqueueLarge(app: App, members: number): Promise<string> {
  const header = { type: 'group', members: Array.from({ length: members }, (_, n) => ({ type: 'task', task: 'count', input: { n } })) };
  const tree = { type: 'chord', header, body: { type: 'task', task: 'total', receive: 'from' } } as Tree;
  const run = await app.signature(tree).enqueue(undefined as never);
  return run.id;
}
