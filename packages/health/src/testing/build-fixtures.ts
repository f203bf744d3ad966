import { buildFixtures } from '@oxbow/faults/build-fixtures';

export function setup(): void {
  buildFixtures(new URL('../../', import.meta.url));
}
