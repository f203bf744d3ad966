import { fileURLToPath } from 'node:url';

/** The compiled program of `<name>.fixture.ts`, for `node`: with a loader it would take twice as long to start (build-fixtures.ts). */
export function fixtureProgram(name: string): string {
  return fileURLToPath(new URL(`../../dist/modules/testing/${name}.fixture.js`, import.meta.url));
}
