import type { ParseArgsOptionsConfig } from 'node:util';

import { parseOptions } from '#core/options';
import { durationMs, isDuration } from '#core/resources/schema';

/** A mistake on the command line: told in one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A failure that the user can mend: told as it is, exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** One sub-command. */
export interface Command {
  readonly name: string;
  /** One line for the overview. */
  readonly summary: string;
  /** All of `--help`. */
  readonly help: string;
  /** @returns the exit code */
  run(args: readonly string[]): Promise<number>;
}

/** Reads options and paths. @throws UsageError that names the nearest option */
export function parse<const T extends ParseArgsOptionsConfig>(args: readonly string[], options: T) {
  try {
    return parseOptions(args, options, true);
  } catch (error) {
    throw new UsageError((error as TypeError).message, { cause: error });
  }
}

/** @throws UsageError unless the text is a duration such as `30s` */
export function durationOf(text: string, option: string, example: string): number {
  if (isDuration(text)) return durationMs(text);
  throw new UsageError(`--${option} must be a duration such as ${example}, not "${text}"`);
}

/** @throws UsageError unless the text is a port, 0 to 65535 */
export function portOf(text: string, option: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new UsageError(`--${option} must be a port from 0 to 65535, not "${text}"`);
}
