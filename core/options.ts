import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

import { didYouMean } from './resources/nearest.ts';

type Parsed<T extends ParseArgsOptionsConfig, P extends boolean> = ReturnType<
  typeof parseArgs<{ options: T; allowPositionals: P; strict: true; args: string[] }>
>;

/** Reads the options of a command, and its paths where it takes any. @throws TypeError in one line, with the nearest option */
export function parseOptions<const T extends ParseArgsOptionsConfig, const P extends boolean>(
  args: readonly string[],
  options: T,
  allowPositionals: P,
): Parsed<T, P> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals, strict: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const unknown = /Unknown option '--?([^']+)'/.exec(message)?.[1];
    throw new TypeError(
      unknown === undefined
        ? message.split('. ')[0]!.replaceAll('\n', ' ')
        : `unknown option --${unknown}${didYouMean(unknown, Object.keys(options))}`,
      { cause: error },
    );
  }
}
