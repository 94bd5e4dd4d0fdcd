// For tests: the real parts that they need, where they are found.
import { partPath } from '#core/real-part.fixture';

/** A real part's binary, or undefined. @param variable of the environment that names it; else it is looked for on PATH */
export function partOf(name: string, variable: string): string | undefined {
  const found = partPath(variable, name);
  if (found === undefined) console.warn(`skipped: tests with the real ${name}. Put it on PATH, or name its binary in ${variable}`);
  return found;
}

/** Whether tests without the part are to fail rather than be skipped. */
export const REQUIRED = process.env['REQUIRE_REAL'] === '1';
