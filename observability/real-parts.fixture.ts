// For tests: the real parts that they need, where they are found.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A real part's binary, or undefined. @param variable of the environment that names it; else it is looked for on PATH */
export function partOf(name: string, variable: string): string | undefined {
  const given = process.env[variable];
  if (given !== undefined) return given;
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
  if (found === undefined) console.warn(`skipped: tests with the real ${name}. Put it on PATH, or name its binary in ${variable}`);
  return found;
}

/** Whether tests without the part are to fail rather than be skipped. */
export const REQUIRED = process.env['REQUIRE_REAL'] === '1';

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
