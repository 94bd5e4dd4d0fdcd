export type Variables = Readonly<Record<string, string | undefined>>;

export interface Expanded {
  readonly text: string;
  /** Name and value of each variable that was put in. */
  readonly used: readonly (readonly [string, string])[];
  /** Why it cannot be expanded. Names a variable, never a value. */
  readonly problem?: string;
}

const PLACE = /\$\{(?:env:)?([^}:]*)(?::-([^}]*))?\}|\$\{([^}]*)\}/g;

/**
 * Puts variables of the environment in the place of `${NAME}`, `${NAME:-default}` (Claude) and `${env:NAME}` (VS Code). Other places
 * of VS Code, such as `${input:…}`, ask a person: they are refused.
 *
 * @see https://code.claude.com/docs/en/mcp
 * @see https://code.visualstudio.com/docs/reference/variables-reference
 */
export function expandVariables(given: string, env: Variables): Expanded {
  const used: (readonly [string, string])[] = [];
  let problem: string | undefined;
  const text = given.replaceAll(PLACE, (place, name: string | undefined, fallback: string | undefined) => {
    if (name === undefined || !/^[A-Za-z_]\w*$/.test(name)) {
      problem ??= `${place.slice(0, 60)} cannot be filled in here: use \${NAME} of the environment`;
      return '';
    }
    const value = env[name];
    if (value !== undefined && value !== '') {
      used.push([name, value]);
      return value;
    }
    if (fallback === undefined) problem ??= `${name} is not set in the environment`;
    return fallback ?? '';
  });
  return { text, used, ...(problem === undefined ? {} : { problem }) };
}
