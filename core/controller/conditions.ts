import type { Problem } from '../resources/problem.ts';
import { fieldsOf, listOf } from './fields.ts';

/** What is to be said of one aspect of an object. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** A condition as the API server has it. @see metav1.Condition */
export interface WrittenCondition extends Condition {
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
}

/** Of which generation of an object something is said, and when. */
export interface Stamp {
  readonly generation: number | undefined;
  readonly now: Date;
}

/** Bounds of metav1.Condition in CRDs. */
const LONGEST_MESSAGE = 32_768;
const MOST_CONDITIONS = 8;

export function isTrue(type: string, reason: string, message = ''): Condition {
  return { type, status: 'True', reason, message };
}

export function isFalse(type: string, reason: string, message: string): Condition {
  return { type, status: 'False', reason, message };
}

/** What cannot be told yet. */
export function isPending(type: string, message: string): Condition {
  return { type, status: 'Unknown', reason: 'Pending', message };
}

/**
 * Conditions ready to be written: one whose status stays as it is keeps its time.
 * @param present the list that is there now
 */
export function stamped(wanted: readonly Condition[], present: unknown, { generation, now }: Stamp): WrittenCondition[] {
  const before = listOf(present).map(fieldsOf);
  return wanted.map((condition): WrittenCondition => {
    const same = before.find(({ type, status }) => type === condition.type && status === condition.status);
    const since = same?.['lastTransitionTime'];
    return {
      ...condition,
      message: cut(condition.message),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastTransitionTime: typeof since === 'string' ? since : timeOf(now),
    };
  });
}

/**
 * The same where others may have conditions of their own in the list: these come first and are left as they are.
 * @param own every type that we ever write there
 */
export function stampedAmongOthers(wanted: readonly Condition[], own: ReadonlySet<string>, present: unknown, stamp: Stamp): unknown[] {
  const others = listOf(present).filter((condition) => !own.has(String(fieldsOf(condition)['type'])));
  return [...others.slice(0, MOST_CONDITIONS - wanted.length), ...stamped(wanted, present, stamp)];
}

/** To the second, as the API server keeps it. */
function timeOf(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

function cut(message: string): string {
  if (message.length <= LONGEST_MESSAGE) return message;
  return `${message.slice(0, LONGEST_MESSAGE - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** What is wrong and where, each once, in one line. */
export function textsOf(problems: readonly Pick<Problem, 'path' | 'message'>[]): string {
  return [...new Set(problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)))].join('; ');
}

/** Problems of the references in a list. @param path of the list, such as `spec.validation.caCertificateRefs` */
export function lostAt<P extends Pick<Problem, 'path'>>(path: string, problems: readonly P[]): P[] {
  return problems.filter((problem) => problem.path.startsWith(`${path}[`));
}

/** Whether a list of references has none without a problem. @param lost as {@link lostAt} has it */
export function areAllLost(lost: readonly Pick<Problem, 'path'>[], length: number): boolean {
  return new Set(lost.map(({ path }) => /\[(\d+)\][^[]*$/.exec(path)?.[1])).size >= length;
}
