import { accessSync, constants } from 'node:fs';
import { delimiter, resolve } from 'node:path';

/** The first of these programs (a name on the path, or an absolute file) that is there, as an absolute file; undefined when none is. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => resolve(folder, name))).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
