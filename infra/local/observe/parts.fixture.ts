// For tests: programs that stand in for real parts, in a folder for PATH.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PART = fileURLToPath(new URL('part.fixture.ts', import.meta.url));

/** Puts a program of this name there. @param script of sh; by default it answers as part.fixture.ts does */
export function putPart(folder: string, name: string, script = `exec '${process.execPath}' '${PART}' "$@"`): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** Arguments of every start of a part whose HOME was this folder. */
export function startsOf(home: string): string[][] {
  const file = join(home, 'started');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as string[]);
}

export interface PartState {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** `PATH CONTENT-TYPE` of each POST. */
  readonly sent: readonly string[];
  readonly pid: number;
}

export async function stateOf(port: number | string): Promise<PartState> {
  return (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as PartState;
}
