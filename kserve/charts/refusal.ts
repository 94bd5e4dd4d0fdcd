/**
 * Says no to options: by an error ({@link refuser}), or to a list ({@link problemsOf}), and then the rest is looked at as well.
 * @param path of the field as the object would have it, such as `spec.scaling.minReplicas`
 */
export type Refuse = (path: string, why: string) => void;

/** One thing for which options are refused. */
export interface Problem {
  readonly path: string;
  readonly why: string;
}

/** Options that make no object that KServe could run. */
export class ChartError extends Error {
  override readonly name = 'ChartError';
  /** Of the field that is wrong. */
  readonly path: string;

  constructor(object: string, path: string, why: string) {
    super(`${object}: ${path}: ${why}`);
    this.path = path;
  }
}

/** @param object its kind and name */
export function refuser(object: string): Refuse {
  return (path, why) => {
    throw new ChartError(object, path, why);
  };
}

/** Everything that is refused on the way, the first of each path. */
export function problemsOf(build: (refuse: Refuse) => void): Problem[] {
  const found = new Map<string, string>();
  build((path, why) => {
    if (!found.has(path)) found.set(path, why);
  });
  return [...found].map(([path, why]) => ({ path, why }));
}

/** Refuses what is no whole number from `least` to `most`; nothing is fine. */
export function checkWhole(value: number | undefined, path: string, refuse: Refuse, least = 1, most = 2 ** 31 - 1): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
  refuse(path, `${value} is no whole number ${most === 2 ** 31 - 1 ? `of at least ${least}` : `from ${least} to ${most}`}`);
}

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Refuses what is no label of a name (RFC 1123), which names of objects, and labels made of them, may be. */
export function checkName(name: string, path: string, refuse: Refuse): void {
  if (name.length > 63 || !NAME.test(name))
    refuse(path, `${JSON.stringify(name)} is no name of at most 63 small letters, digits and dashes within`);
}

/** The same for names of objects that no label is made of: parts with dots between them. */
export function checkObjectName(name: string, path: string, refuse: Refuse): void {
  if (name.length > 253 || !name.split('.').every((part) => NAME.test(part)))
    refuse(path, `${JSON.stringify(name)} is no name of small letters, digits, and dashes and dots within`);
}
