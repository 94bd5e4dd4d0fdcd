import { didYouMean } from '#core/resources/nearest';

/** Says what is wrong with a value, or nothing. */
export type Check = (value: unknown) => string | undefined;

export const anyText: Check = (value) => (typeof value === 'string' ? undefined : 'must be a string');
export const anyBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false');

export function oneOf(...values: readonly string[]): Check {
  return (value) => (values.includes(value as string) ? undefined : `must be ${values.map((name) => `"${name}"`).join(' or ')}`);
}

export function between(least: number, most = Infinity): Check {
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  return (value) => (typeof value === 'number' && value >= least && value <= most ? undefined : `must be a number ${range}`);
}

export function wholeFrom(least: number): Check {
  return (value) => (Number.isInteger(value) && (value as number) >= least ? undefined : `must be a whole number of at least ${least}`);
}

/** Parameters of one plugin, checked. */
export class Parameters {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  number(name: string): number | undefined {
    return this.#values[name] as number | undefined;
  }

  boolean(name: string): boolean | undefined {
    return this.#values[name] as boolean | undefined;
  }

  raw(name: string): unknown {
    return this.#values[name];
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Unknown members, and values that their checks refuse: one line each. */
export function checkMembers(value: Readonly<Record<string, unknown>>, known: Readonly<Record<string, Check>>, path: string): string[] {
  const problems: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (!Object.hasOwn(known, name)) {
      const names = Object.keys(known);
      const hint = names.length === 0 ? '; there are none here' : didYouMean(name, names) || `; known are ${names.join(', ')}`;
      problems.push(`${path}.${name} is not known${hint}`);
      continue;
    }
    const problem = known[name]!(member);
    if (problem !== undefined) problems.push(`${path}.${name} ${problem}`);
  }
  return problems;
}

/** Without the members that are undefined: for options that have defaults. */
export function given<T extends object>(options: { readonly [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
