import type { Reason } from './reason.ts';

/** Where a resource was read from. */
export interface Source {
  /** The file as the user named it, or a description such as `environment`. */
  readonly file: string;
  /** Position of the YAML document in the file, from 1. */
  readonly document: number;
  /** Line of the file on which the document starts, from 1. */
  readonly line: number;
}

/** One thing that is wrong with the resources of a load, in the words of the person who has to mend it. */
export interface Problem {
  readonly source: Source;
  /** `Kind namespace/name`, as far as the document says it. */
  readonly resource: string;
  /** Path of the field in the document, such as `spec.rules[0].matches[1].path`; empty for the whole document. */
  readonly path: string;
  /** What is wrong, and why. */
  readonly message: string;
  /** What kind of problem it is, where whoever reads a condition looks for that. */
  readonly reason?: Reason | undefined;
}

/** One line: file, document, resource, path, message. */
export function formatProblem(problem: Problem): string {
  const { source } = problem;
  const where = source.line > 0 ? `${source.file}:${source.line} (document ${source.document})` : source.file;
  return [where, problem.resource, problem.path, problem.message].filter((part) => part !== '').join(': ');
}

/** A load that cannot be served, with every reason. */
export class InvalidResources extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(
      `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in the resources\n${problems.map(formatProblem).join('\n')}`,
    );
    this.name = 'InvalidResources';
    this.problems = problems;
  }
}
