import type { Release, Runtime } from '../settings.ts';

/** What a team asks for: one model in a namespace of its own. {@link readRequest} makes it. Plain data. */
export interface OnboardingRequest {
  /** Of the namespace, the pool and the pods. */
  readonly name: string;
  /** What apps ask for at tier one. */
  readonly model: string;
  /** The team. */
  readonly owner: string;
  /** Group of the cluster's users that the team is. */
  readonly group: string;
  readonly runtime: Runtime;
  /** Where the weights are. Absent for the simulator. */
  readonly source?: string;
  readonly replicas: number;
  /** Of each pod. */
  readonly gpus: number;
  /** Of all apps of the team together. Absent: no limit. */
  readonly requestsPerMinute?: number;
  /** Input and output together. Absent: no limit. */
  readonly tokensPerMinute?: number;
  /** USD in a month of the calendar (UTC). Absent: no budget. */
  readonly budget?: string;
  /** USD for a million tokens. Absent: no budget, or a PriceTable that is there has them. */
  readonly price?: { readonly input: string; readonly output: string };
  /** Whom to ask. */
  readonly contact?: string;
  /** Of the pods, once a release had one of its own. Absent: that of the platform. */
  readonly image?: string;
  /** What runs, once a release has ended. Absent: the first version. */
  readonly version?: string;
  /** What is to come in its place. */
  readonly release?: Release;
}

/** Something that is wrong with a request. */
export interface RequestProblem {
  /** `--replicas`, or `NAME`. */
  readonly flag: string;
  /** What is wrong, why, and the nearest that would be right. */
  readonly message: string;
}

/** A request that nothing can be made of, with everything that is wrong. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest';
  readonly problems: readonly RequestProblem[];

  constructor(problems: readonly RequestProblem[]) {
    const lines = problems.map(({ flag, message }) => `${flag}: ${message}`);
    super(lines.length === 1 ? lines[0] : `${lines.length} problems\n${lines.map((line) => `  ${line}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * The request that an annotation of a namespace tells; undefined where it tells none.
 * @throws SyntaxError where it is no JSON
 */
export function requestIn(annotation: unknown): OnboardingRequest | undefined {
  const request = (typeof annotation === 'string' ? JSON.parse(annotation) : undefined) as Partial<OnboardingRequest> | null | undefined;
  const isWhole = [request?.name, request?.model, request?.owner].every((field) => typeof field === 'string');
  return isWhole ? (request as OnboardingRequest) : undefined;
}
