import { type Document, isMap, isScalar, isSeq, type Node, parseDocument as parseYaml, Scalar, visit } from 'yaml';

import { duplicateKey } from './duplicate-key.ts';
import { lineAt } from './line.ts';
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

/** Expansions of aliases, counted as if each were written out, beyond which a document is held for an attack. */
const MAX_ALIASES = 100;
const MAX_FAULTS = 5;
const TOO_DEEP = 'is nested too deeply';

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
    // Of the YAML library: too many aliases, an alias without anchor; of the engine: nesting beyond the stack.
    faults.push({ line: 1, message: error instanceof RangeError ? TOO_DEEP : (error as Error).message });
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
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) {
    faults.push({
      line: lineAt(text, duplicate.offset),
      message: `the field ${JSON.stringify(duplicate.name)} occurs twice in one object`,
    });
  }
  return flatten(value, undefined, lineAt(text, text.indexOf('{')), text, faults);
}

function expandMember(variables: Variables, name: string, member: unknown, faults: Fault[]): unknown {
  if (variables.occursIn(name)) faults.push(variableName(variables, name, variables.text.indexOf(name)));
  return typeof member === 'string' && variables.occursIn(member) ? variables.expand(member) : member;
}

function parseTree(variables: Variables, faults: Fault[]): ParsedItem[] {
  const { text } = variables;
  const first = text.search(/^[^#\s]/m);
  if (text[first] === '%') {
    faults.push({ line: lineAt(text, first), message: 'YAML directives (lines that begin with %) are not read; remove the line' });
    return [];
  }
  const document = parseYaml(text, { schema: 'core', merge: false, resolveKnownTags: false, stringKeys: true, prettyErrors: false });
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    const line = lineAt(text, pos[0]);
    // One mistake makes the parser stumble several times.
    if (faults.some((fault) => fault.line === line)) continue;
    // The library reports a full stack as a syntax error.
    if (code === 'DUPLICATE_KEY') faults.push({ line, message: `the field ${keyAt(text, pos[0])} occurs twice in one object` });
    else faults.push({ line, message: /call stack/.test(message) ? TOO_DEEP : message });
  }
  if (faults.length > 0 || document.contents === null) return [];
  const aliases = prepare(document, variables, faults);
  let value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
  if (value === null) return [];
  if (aliases) value = unshared(value);
  const [start] = document.contents.range;
  return flatten(value, document.contents, lineAt(text, start), text, faults);
}

/** An alias is the very object of its anchor; defaults that are filled in at one place must not show at the other. */
function unshared(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value)) as unknown;
  } catch {
    throw new Error('an anchor cannot hold an alias to itself');
  }
}

function keyAt(text: string, offset: number): string {
  const [key] = /^("[^"]*"|'[^']*'|[^:\s]+)/.exec(text.slice(offset, offset + 256)) ?? ['?'];
  return JSON.stringify(key.replaceAll(/^["']|["']$/g, ''));
}

/** Fills in the variables. @returns whether the document has aliases. */
function prepare(document: Document, variables: Variables, faults: Fault[]): boolean {
  let aliases = false;
  if (!variables.any && !variables.text.includes('*')) return false;
  visit(document, {
    Alias: () => {
      aliases = true;
    },
    Scalar: (key, node) => {
      if (typeof node.value !== 'string' || !variables.occursIn(node.value)) return;
      if (key === 'key') {
        faults.push(variableName(variables, node.value, node.range![0]));
        return;
      }
      const text = variables.expand(node.value);
      node.value = node.type === Scalar.PLAIN && node.tag === undefined ? plainValue(document, text) : text;
    },
  });
  return aliases;
}

function variableName(variables: Variables, name: string, offset: number): Fault {
  return { line: lineAt(variables.text, offset), message: `the name of a field cannot hold a variable: ${variables.expand(name)}` };
}

/** What a plain scalar of this text is: `8080` is a number, `true` a boolean. */
function plainValue(document: Document, text: string): unknown {
  for (const tag of document.schema.tags) {
    if (tag.collection !== undefined || tag.default !== true || tag.test?.test(text) !== true) continue;
    const value = tag.resolve(text, () => {}, {});
    return isScalar(value) ? value.value : value;
  }
  return text;
}

/** The resources of a value: those of its items if it is a List, else itself. */
function flatten(value: unknown, node: Node | undefined, line: number, text: string, faults: Fault[]): ParsedItem[] {
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
  const list = isMap(node) ? node.get('items', true) : undefined;
  return items.flatMap((item: unknown, index) => {
    const member = isSeq<Node>(list) ? list.items[index] : undefined;
    return flatten(item, member, member?.range ? lineAt(text, member.range[0]) : line, text, faults);
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
