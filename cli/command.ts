import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

import { didYouMean } from '#core/resources/nearest';

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

type Parsed<T extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: T; allowPositionals: true; strict: true; args: string[] }>
>;

/** Reads options and paths. @throws UsageError that names the nearest option */
export function parse<const T extends ParseArgsOptionsConfig>(args: readonly string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const unknown = /Unknown option '--?([^']+)'/.exec(message)?.[1];
    if (unknown !== undefined)
      throw new UsageError(`unknown option --${unknown}${didYouMean(unknown, Object.keys(options))}`, { cause: error });
    throw new UsageError(message.split('. ')[0]!.replaceAll('\n', ' '), { cause: error });
  }
}

/** @throws UsageError unless the text is a port, 0 to 65535 */
export function portOf(text: string, option: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new UsageError(`--${option} must be a port from 0 to 65535, not "${text}"`);
}
