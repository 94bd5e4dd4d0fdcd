import type { ASTNode } from '@marcbachmann/cel-js';
import { UnsignedInt } from '@marcbachmann/cel-js/evaluator';

import { compileSearch, MAX_SEARCHED } from '../http/pattern.ts';
import { didYouMean } from '../resources/nearest.ts';

import { type Arithmetic, calculate, compare, contains, entryOf, equal, FAILED, intOf, isMap, Maybe, negative } from './cel-values.ts';
import { sizeOf, spend, type Work } from './cel-values.ts';

/** An expression that cannot be used. The message says why, without a position in the text. */
export class BadExpression extends Error {
  override readonly name = 'BadExpression';
}

/** One evaluation: what it may still take, and the values of its variables by their places. */
export interface Frame {
  readonly work: Work;
  readonly values: unknown[];
}

/** @returns the value, or {@link FAILED} */
export type Program = (frame: Frame) => unknown;

/** The fields of a variable that is no map of somebody's own keys; undefined where there may be any. */
export interface Fields {
  readonly [name: string]: Fields | undefined;
}

/** The names that are known where a part of an expression stands, by the places of their values. */
type Names = readonly { readonly name: string; readonly fields: Fields | undefined }[];

/**
 * Makes a program of an expression that the library has read. It is not run by the library: that keeps a type for each shape of value
 * that it meets, for ever, and what clients send has as many shapes as they like; and nothing there bounds the work.
 *
 * What fails has no value: `false && x` is false, and `true || x` true, whatever x is, as the language has it.
 * @throws BadExpression
 * @see https://github.com/google/cel-spec/blob/master/doc/langdef.md
 */
export function programOf(node: ASTNode, names: Names): Program {
  const { op, args } = node;
  if (op === 'value') return literal(args);
  if (op === 'id') return variable(args, names);
  const program = operationOf(node, names);
  return (frame) => (spend(frame.work, 1) ? program(frame) : FAILED);
}

function operationOf(node: ASTNode, names: Names): Program {
  const of = (part: ASTNode): Program => programOf(part, names);
  switch (node.op) {
    case '.':
      checkField(node, names);
      return selected(of(node.args[0]), constant(node.args[1]), false);
    case '.?':
      return selected(of(node.args[0]), constant(node.args[1]), true);
    case '[]':
      return selected(of(node.args[0]), of(node.args[1]), false);
    case '[?]':
      return selected(of(node.args[0]), of(node.args[1]), true);
    case '!_':
      return mapped(of(node.args), (value) => (typeof value === 'boolean' ? !value : FAILED));
    case '-_':
      return mapped(of(node.args), negative);
    case '&&':
      return logical(of(node.args[0]), of(node.args[1]), false);
    case '||':
      return logical(of(node.args[0]), of(node.args[1]), true);
    case '?:':
      return conditional(of(node.args[0]), of(node.args[1]), of(node.args[2]));
    case 'list':
      return listed(node.args.map(of));
    case 'call':
      return called(node.args[0], node.args[1], names);
    case 'rcall':
      return sent(node.args[0], node.args[1], node.args[2], names);
    case '==':
      return both(of(node.args[0]), of(node.args[1]), equal);
    case '!=':
      return mapped(both(of(node.args[0]), of(node.args[1]), equal), (same) => (same === FAILED ? FAILED : same !== true));
    case 'in':
      return both(of(node.args[0]), of(node.args[1]), (wanted, collection, work) => contains(collection, wanted, work));
    case '<':
    case '<=':
    case '>':
    case '>=':
      return ordered(node.op, of(node.args[0]), of(node.args[1]));
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return calculated(node.op, of(node.args[0]), of(node.args[1]));
    case 'map':
      throw new BadExpression('a map cannot be written here');
    case 'value':
    case 'id':
      return of(node);
    default:
      throw new BadExpression('an operator cannot be used here');
  }
}

function literal(value: unknown): Program {
  if (value instanceof Uint8Array) throw new BadExpression('bytes cannot be used here');
  return constant(value instanceof UnsignedInt ? value.valueOf() : value);
}

function constant(value: unknown): Program {
  return () => value;
}

function variable(name: string, names: Names): Program {
  const place = placeOf(name, names);
  if (place !== -1) return ({ values }) => values[place];
  const known = names.map((one) => one.name);
  throw new BadExpression(`there is no variable "${name}"${didYouMean(name, known)}`);
}

/** The inner one, of two of the same name. */
function placeOf(name: string, names: Names): number {
  return names.findLastIndex((one) => one.name === name);
}

/** Says what a field that is never there was meant to be. */
function checkField(node: ASTNode & { readonly op: '.' }, names: Names): void {
  const [of, name] = node.args;
  const fields = fieldsOf(of, names);
  if (fields === undefined || Object.hasOwn(fields, name)) return;
  const known = Object.keys(fields);
  throw new BadExpression(`there is no field "${name}"${didYouMean(name, known) || `; there are ${known.join(', ')}`}`);
}

function fieldsOf(node: ASTNode, names: Names): Fields | undefined {
  if (node.op === 'id') return names[placeOf(node.args, names)]?.fields;
  if (node.op !== '.') return undefined;
  const fields = fieldsOf(node.args[0], names);
  return fields !== undefined && Object.hasOwn(fields, node.args[1]) ? fields[node.args[1]] : undefined;
}

/** @param optional whether what is not there is none, instead of a failure */
function selected(of: Program, key: Program, optional: boolean): Program {
  return (frame) => {
    const base = of(frame);
    const name = key(frame);
    if (base === FAILED || name === FAILED) return FAILED;
    const within = base instanceof Maybe;
    const value = within ? base.value : base;
    const found = within && value === undefined ? undefined : entryOf(value, name);
    if (found === FAILED) return FAILED;
    if (optional || within) return new Maybe(found);
    return found === undefined ? FAILED : found;
  };
}

function mapped(of: Program, change: (value: unknown, work: Work) => unknown): Program {
  return (frame) => {
    const value = of(frame);
    return value === FAILED ? FAILED : change(value, frame.work);
  };
}

function both(left: Program, right: Program, join: (left: unknown, right: unknown, work: Work) => unknown): Program {
  return (frame) => {
    const first = left(frame);
    if (first === FAILED) return FAILED;
    const second = right(frame);
    return second === FAILED ? FAILED : join(first, second, frame.work);
  };
}

/** @param decided the value of either side that decides alone */
function logical(left: Program, right: Program, decided: boolean): Program {
  return (frame) => {
    const first = left(frame);
    if (first === decided) return decided;
    const second = right(frame);
    if (second === decided) return decided;
    return first === !decided && second === !decided ? !decided : FAILED;
  };
}

function conditional(condition: Program, then: Program, otherwise: Program): Program {
  return (frame) => {
    const chosen = condition(frame);
    if (typeof chosen !== 'boolean') return FAILED;
    return chosen ? then(frame) : otherwise(frame);
  };
}

function listed(items: readonly Program[]): Program {
  return (frame) => {
    const list: unknown[] = [];
    for (const item of items) {
      const value = item(frame);
      if (value === FAILED) return FAILED;
      list.push(value);
    }
    return list;
  };
}

function ordered(op: '<' | '<=' | '>' | '>=', left: Program, right: Program): Program {
  return both(left, right, (first, second, work) => {
    const order = compare(first, second, work);
    if (order === FAILED) return FAILED;
    if (op === '<') return order < 0;
    if (op === '<=') return order <= 0;
    return op === '>' ? order > 0 : order >= 0;
  });
}

function calculated(op: Arithmetic, left: Program, right: Program): Program {
  return both(left, right, (first, second, work) => calculate(op, first, second, work));
}

const FUNCTIONS: Readonly<Record<string, (value: unknown, work: Work) => unknown>> = {
  size: sizeOf,
  int: toInt,
  double: toDouble,
  string: toText,
  dyn: (value) => value,
};
const CALLS = ['has', ...Object.keys(FUNCTIONS)];

function called(name: string, args: readonly ASTNode[], names: Names): Program {
  if (name === 'has') return present(args, names);
  const run = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (run === undefined) throw unknownCall(name, CALLS);
  return mapped(programOf(only(name, args), names), run);
}

function unknownCall(name: string, known: readonly string[]): BadExpression {
  return new BadExpression(`${name}() is not supported; there are ${known.join(', ')}${didYouMean(name, known)}`);
}

function only(name: string, args: readonly ASTNode[]): ASTNode {
  const [arg, more] = args;
  if (arg === undefined || more !== undefined) throw new BadExpression(`${name}() takes one argument`);
  return arg;
}

function none(name: string, args: readonly ASTNode[]): void {
  if (args.length > 0) throw new BadExpression(`${name}() takes no argument`);
}

/** `has(a.b)` */
function present(args: readonly ASTNode[], names: Names): Program {
  const node = only('has', args);
  if (node.op !== '.') throw new BadExpression('has() takes a field, such as has(request.auth.jwt.claims.team)');
  checkField(node, names);
  const name = node.args[1];
  return mapped(programOf(node.args[0], names), (value) => (isMap(value) ? entryOf(value, name) !== undefined : FAILED));
}

type OfText = (text: string, other: string) => boolean;
const TESTS: Readonly<Record<string, OfText>> = {
  startsWith: (text, other) => text.startsWith(other),
  endsWith: (text, other) => text.endsWith(other),
  contains: (text, other) => text.includes(other),
};
const CHANGES: Readonly<Record<string, (text: string) => string>> = {
  lowerAscii: (text) => text.replaceAll(/[A-Z]+/g, (part) => part.toLowerCase()),
  upperAscii: (text) => text.replaceAll(/[a-z]+/g, (part) => part.toUpperCase()),
};
const LOOPS = ['exists', 'all', 'exists_one', 'filter', 'map'] as const;
type Loop = (typeof LOOPS)[number];
const METHODS = [...Object.keys(TESTS), ...Object.keys(CHANGES), 'matches', 'size', 'orValue', 'hasValue', ...LOOPS];

function sent(name: string, receiver: ASTNode, args: readonly ASTNode[], names: Names): Program {
  if (!METHODS.includes(name)) throw unknownCall(name, METHODS);
  const of = programOf(receiver, names);
  const test = TESTS[name];
  if (test !== undefined) return both(of, programOf(only(name, args), names), (text, other, work) => tested(test, text, other, work));
  if (name === 'matches') return searched(of, only(name, args));
  if (name === 'orValue') return either(of, programOf(only(name, args), names));
  if ((LOOPS as readonly string[]).includes(name)) return looped(name as Loop, of, args, names);
  none(name, args);
  if (name === 'size') return mapped(of, sizeOf);
  if (name === 'hasValue') return mapped(of, (value) => (value instanceof Maybe ? value.value !== undefined : FAILED));
  const change = CHANGES[name]!;
  return mapped(of, (text, work) => (typeof text === 'string' && spend(work, text.length / 10) ? change(text) : FAILED));
}

function tested(test: OfText, text: unknown, other: unknown, work: Work): unknown {
  if (typeof text !== 'string' || typeof other !== 'string') return FAILED;
  return spend(work, text.length / 10) ? test(text, other) : FAILED;
}

/** The expression is read once: what a client sends is none. */
function searched(of: Program, node: ASTNode): Program {
  if (node.op !== 'value' || typeof node.args !== 'string') throw new BadExpression('matches() takes a text that stands in the expression');
  const source = node.args;
  const search = compiledSearch(source);
  // As the reference counts it.
  const perCharacter = Math.max(1, source.length / 4) / 10;
  return mapped(of, (text, work) => {
    if (typeof text !== 'string' || text.length > MAX_SEARCHED) return FAILED;
    return spend(work, text.length * perCharacter) ? search(text) : FAILED;
  });
}

function compiledSearch(source: string): (text: string) => boolean {
  try {
    return compileSearch(source);
  } catch (error) {
    throw new BadExpression(`matches() is given no regular expression of RE2: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function either(of: Program, otherwise: Program): Program {
  return (frame) => {
    const value = of(frame);
    if (!(value instanceof Maybe)) return FAILED;
    return value.value === undefined ? otherwise(frame) : value.value;
  };
}

/** A macro, over the elements of a list or the keys of a map. */
function looped(name: Loop, of: Program, args: readonly ASTNode[], names: Names): Program {
  const [item, body, more] = args;
  if (item?.op !== 'id' || body === undefined || more !== undefined)
    throw new BadExpression(`${name}() takes a name and an expression, such as list.${name}(x, x == "a")`);
  const place = names.length;
  const step = programOf(body, [...names, { name: item.args, fields: undefined }]);
  const run = RUNS[name];
  return (frame) => {
    const value = of(frame);
    const items: readonly unknown[] | undefined = Array.isArray(value) ? value : isMap(value) ? Object.keys(value) : undefined;
    // So many that the work would not do are not begun with.
    if (items === undefined || !spend(frame.work, items.length)) return FAILED;
    return run(items, (one) => {
      frame.values[place] = one;
      return step(frame);
    });
  };
}

type Step = (item: unknown) => unknown;

const RUNS: Readonly<Record<Loop, (items: readonly unknown[], step: Step) => unknown>> = {
  exists: (items, step) => quantified(items, step, true),
  all: (items, step) => quantified(items, step, false),
  exists_one(items, step) {
    const found = chosen(items, step);
    return found === FAILED ? FAILED : found.length === 1;
  },
  filter: chosen,
  map(items, step) {
    const list: unknown[] = [];
    for (const item of items) {
      const value = step(item);
      if (value === FAILED) return FAILED;
      list.push(value);
    }
    return list;
  },
};

/** @param decided what decides for all, whatever fails for others */
function quantified(items: readonly unknown[], step: Step, decided: boolean): unknown {
  let failed = false;
  for (const item of items) {
    const value = step(item);
    if (value === decided) return decided;
    if (value !== !decided) failed = true;
  }
  return failed ? FAILED : !decided;
}

function chosen(items: readonly unknown[], step: Step): unknown[] | typeof FAILED {
  const list: unknown[] = [];
  for (const item of items) {
    const wanted = step(item);
    if (typeof wanted !== 'boolean') return FAILED;
    if (wanted) list.push(item);
  }
  return list;
}

function toInt(value: unknown): unknown {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? intOf(BigInt(Math.trunc(value))) : FAILED;
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? intOf(BigInt(value)) : FAILED;
}

function toDouble(value: unknown): unknown {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'string' && /^-?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?$/.test(value) ? Number(value) : FAILED;
}

function toText(value: unknown): unknown {
  if (typeof value === 'string') return value;
  return typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : FAILED;
}
