import { isObject } from '../../is-object.ts';
import { YAMLException } from 'js-yaml';

import { compose, type Composed, MAX_DEPTH, MAX_FAULTS } from './compose.ts';
import { duplicateKey } from './duplicate-key.ts';
import { lineAt } from './line.ts';
import { faultOf, TOO_DEEP } from './syntax-fault.ts';
import { type Environment, type Fault, Variables } from './variables.ts';

/** One resource of a document; the line is counted in the document's text, from 1. */
export interface ParsedItem {
  readonly value: unknown;
  readonly line: number;
}

export interface ParsedDocument {
  /** Nothing for a document of `null`; several for a `kind: List`. */
  readonly items: readonly ParsedItem[];
  /** The variables that the document asked for, and what they were. */
  readonly variables: ReadonlyMap<string, string | undefined>;
  /** Why the document cannot be read; then `items` is empty. */
  readonly faults: readonly Fault[];
}

/**
 * Reads one YAML document (1.2, core schema) or JSON text, with the variables filled in. No merge keys, no directives, no
 * tags but those of the core schema, no key twice. The value is a tree of its own, which the caller may change.
 */
export function parseDocument(source: string, env: Environment): ParsedDocument {
  const variables = new Variables(source, env);
  const faults: Fault[] = [];
  let items: ParsedItem[] = [];
  try {
    items = parseJson(variables, faults) ?? parseTree(variables, faults);
  } catch (error) {
    if (error instanceof YAMLException) faults.push(faultOf(error, variables));
    // The engine's word for nesting beyond the stack.
    else faults.push({ line: 1, message: error instanceof RangeError ? TOO_DEEP : (error as Error).message });
  }
  faults.push(...variables.faults);
  return { items: faults.length === 0 ? items : [], variables: variables.used, faults: faults.slice(0, MAX_FAULTS) };
}

/** @returns undefined for a text that is no JSON object. */
function parseJson(variables: Variables, faults: Fault[]): ParsedItem[] | undefined {
  const { text } = variables;
  if (!text.trimStart().startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text, variables.any ? (name, member: unknown) => expandMember(variables, name, member, faults) : undefined);
  } catch {
    // It may be YAML in braces, or have a variable where a number goes.
    return undefined;
  }
  const line = lineAt(text, text.indexOf('{'));
  // What reads the value later on walks it by recursion.
  if (isDeeper(value, MAX_DEPTH)) {
    faults.push({ line, message: TOO_DEEP });
    return [];
  }
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) {
    faults.push({
      line: lineAt(text, duplicate.offset),
      message: `the field ${JSON.stringify(duplicate.name)} occurs twice in one object`,
    });
  }
  return flatten(value, new Map(), line, faults);
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((member) => isDeeper(member, depth - 1));
}

function expandMember(variables: Variables, name: string, member: unknown, faults: Fault[]): unknown {
  if (variables.occursIn(name))
    faults.push({ line: lineAt(variables.text, variables.text.indexOf(name)), message: variables.inName(name) });
  return typeof member === 'string' && variables.occursIn(member) ? variables.expand(member) : member;
}

function parseTree(variables: Variables, faults: Fault[]): ParsedItem[] {
  const { text } = variables;
  const first = text.search(/^[^#\s]/m);
  if (text[first] === '%') {
    faults.push({ line: lineAt(text, first), message: 'YAML directives (lines that begin with %) are not read; remove the line' });
    return [];
  }
  const composed = compose(variables, faults);
  if (composed === undefined || faults.length > 0) return [];
  const { value, line, itemLines } = composed;
  return value === null ? [] : flatten(value, itemLines, line, faults);
}

/** The resources of a value: those of its items if it is a List, else itself. */
function flatten(value: unknown, itemLines: Composed['itemLines'], line: number, faults: Fault[]): ParsedItem[] {
  if (!isObject(value)) {
    const what = value === null ? 'nothing' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
    faults.push({ line, message: `must be an object with apiVersion and kind, not ${what}` });
    return [];
  }
  if (value['kind'] !== 'List') return [{ value, line }];
  const items = value['items'];
  if (!Array.isArray(items)) {
    faults.push({ line, message: 'a List must have items, which is a list' });
    return [];
  }
  const lines = itemLines.get(items);
  return items.flatMap((item: unknown, index) => flatten(item, itemLines, lines?.[index] ?? line, faults));
}
