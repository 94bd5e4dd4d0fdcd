import { load } from 'js-yaml';

import type { KindDefinition } from '../kind.ts';
import { validate } from '../validate.ts';

/** What is wrong with a document's body, as `path: message`. Fills in the defaults of `body`. For tests. */
export function problemsOf(definition: KindDefinition, body: unknown): string[] {
  const problems: string[] = [];
  const valid = validate(definition, body, (path, message) => problems.push(`${path}: ${message}`));
  if (valid !== (problems.length === 0)) throw new Error('validate and its report disagree');
  return problems;
}

/** The same for the YAML of a spec. For tests. */
export function problemsOfSpec(definition: KindDefinition, yaml: string): string[] {
  return problemsOf(definition, { spec: load(yaml) });
}
