import { type ASTNode, Environment, EvaluationError, ParseError, type ParseResult, TypeError } from '@marcbachmann/cel-js';
import { UnsignedInt } from '@marcbachmann/cel-js/evaluator';

import { didYouMean } from '../resources/nearest.ts';
import { type Cost, CostError, type CostFacts } from './rule.ts';

/** An expression that cannot be a cost. The message says why, without a position in the text. */
export class BadExpression extends Error {
  override readonly name = 'BadExpression';
}

/** What an expression may name: the counts as `uint`, the names as `string`. */
const COUNTS: Readonly<Record<string, (facts: CostFacts) => number>> = {
  input_tokens: (facts) => facts.inputTokens,
  cached_input_tokens: (facts) => facts.cachedInputTokens,
  cache_creation_input_tokens: (facts) => facts.cacheCreationInputTokens,
  output_tokens: (facts) => facts.outputTokens,
  total_tokens: (facts) => facts.totalTokens,
  reasoning_tokens: (facts) => facts.reasoningTokens,
};
const NAMES: Readonly<Record<string, (facts: CostFacts) => string>> = {
  model: (facts) => facts.model,
  backend: (facts) => facts.backend,
  route_name: (facts) => facts.routeName,
};
const VARIABLES = [...Object.keys(COUNTS), ...Object.keys(NAMES)];

const MAX_TEXT = 4096;
/** A model's name comes from the client. */
const MAX_NAME = 1024;
const LIMITS = { maxAstNodes: 1000, maxDepth: 64, maxListElements: 256, maxMapEntries: 0, maxCallArguments: 4 };

/**
 * What an expression may call. Each takes time linear in its arguments, and nothing here repeats: what an evaluation takes is bounded by the
 * length of the text. Macros (map, exists, bind, …) could multiply it, and the library's `matches` backtracks.
 */
const FUNCTIONS = ['uint', 'int', 'double', 'string', 'size'];
const METHODS = ['startsWith', 'endsWith', 'contains', 'size', 'lowerAscii', 'upperAscii'];
const OPERATORS = new Set<ASTNode['op']>([
  'value',
  'id',
  'list',
  '?:',
  '||',
  '&&',
  '!_',
  '-_',
  '!=',
  '==',
  'in',
  '+',
  '-',
  '*',
  '/',
  '%',
  '<',
  '<=',
  '>',
  '>=',
]);

const NOTHING: CostFacts = {
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheCreationInputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
  reasoningTokens: 0,
  model: '',
  backend: '',
  routeName: '',
};

let environment: Environment | undefined;

function newEnvironment(): Environment {
  const made = new Environment({ limits: LIMITS });
  // Of the standard, and missing in the library.
  made.registerFunction('int(uint): int', (count: UnsignedInt) => count.valueOf());
  for (const name of Object.keys(COUNTS)) made.registerVariable(name, 'uint');
  for (const name of Object.keys(NAMES)) made.registerVariable(name, 'string');
  return made;
}

/** A cost in CEL, of the type int or uint. @throws BadExpression */
export function compileExpression(text: string): Cost {
  if (text.length > MAX_TEXT) throw new BadExpression(`it has ${text.length} characters, and may have ${MAX_TEXT}`);
  environment ??= newEnvironment();
  let program: ParseResult;
  try {
    program = environment.parse(text);
  } catch (error) {
    throw new BadExpression(reasonOf(error));
  }
  const names = new Set<string>();
  walk(program.ast, names);
  const { valid, type, error } = program.check();
  if (!valid) throw new BadExpression(`${reasonOf(error)}${hintOf(error)}`);
  if (type !== 'int' && type !== 'uint')
    throw new BadExpression(`its result is of type ${type ?? 'unknown'}, and must be a whole number: int or uint${CONVERT}`);
  const cost = new ExpressionCost(text, program, [...names]);
  try {
    // The reference does the same: what fails here fails for the first request that uses nothing.
    cost.of(NOTHING);
  } catch (cause) {
    if (!(cause instanceof CostError)) throw cause;
    throw new BadExpression(`with no tokens at all, ${cause.reason}`);
  }
  return cost;
}

class ExpressionCost implements Cost {
  readonly text: string;
  readonly #program: ParseResult;
  readonly #counts: readonly string[];
  readonly #names: readonly string[];

  constructor(text: string, program: ParseResult, names: readonly string[]) {
    this.text = text;
    this.#program = program;
    this.#counts = names.filter((name) => name in COUNTS);
    this.#names = names.filter((name) => name in NAMES);
    Object.freeze(this);
  }

  of(facts: CostFacts): number {
    const context: Record<string, unknown> = {};
    for (const name of this.#counts) context[name] = new UnsignedInt(BigInt(COUNTS[name]!(facts)));
    for (const name of this.#names) context[name] = NAMES[name]!(facts).slice(0, MAX_NAME);
    let result: unknown;
    try {
      result = this.#program(context);
    } catch (error) {
      throw new CostError(this.text, `it fails: ${reasonOf(error)}`);
    }
    const whole = result instanceof UnsignedInt ? result.valueOf() : result;
    if (typeof whole !== 'bigint' || whole < 0n) throw new CostError(this.text, `it gives ${String(whole)}, which is less than 0`);
    if (whole > BigInt(Number.MAX_SAFE_INTEGER)) throw new CostError(this.text, `it gives ${whole}, which is more than can be counted`);
    return Number(whole);
  }
}

/** Notes the variables of an expression. @throws BadExpression for what an expression may not contain */
function walk(node: ASTNode, names: Set<string>): void {
  const { op, args } = node;
  if (op === 'value') return;
  if (op === 'id') {
    if (!VARIABLES.includes(args)) throw new BadExpression(`there is no variable "${args}"${didYouMean(args, VARIABLES)}`);
    names.add(args);
    return;
  }
  if (op === 'call' || op === 'rcall') {
    const [name, receiver, list] = op === 'call' ? [args[0], undefined, args[1]] : args;
    const known = op === 'call' ? FUNCTIONS : METHODS;
    if (!known.includes(name))
      throw new BadExpression(`${name}() is not supported; there are ${known.join(', ')}${didYouMean(name, known)}`);
    if (receiver !== undefined) walk(receiver, names);
    for (const argument of list) walk(argument, names);
    return;
  }
  if (!OPERATORS.has(op)) throw new BadExpression(`${WORDS[op] ?? `the operator ${op}`} cannot be used in a cost`);
  const parts = (Array.isArray(args) ? args : [args]) as readonly ASTNode[];
  for (const part of parts) walk(part, names);
}

const WORDS: Readonly<Record<string, string>> = { '.': 'a field', '[]': 'an index', map: 'a map' };

const CONVERT = '; for a share of tokens write uint(double(input_tokens) * 0.5)';

/** CEL does not mix types, and the examples that people copy do. */
function hintOf(error: unknown): string {
  const { code } = error as { readonly code?: string };
  if (code !== 'no_such_overload' && code !== 'incompatible_ternary_branches') return '';
  return `: numbers of tokens are of type uint, like 2u${CONVERT}`;
}

/** The reason of an error of the library, without the position in the text. */
export function reasonOf(error: unknown): string {
  if (error instanceof ParseError || error instanceof TypeError || error instanceof EvaluationError) {
    const { summary } = error;
    return summary.charAt(0).toLowerCase() + summary.slice(1);
  }
  // A number too large for its type is an error of another class.
  return error instanceof Error ? error.message : String(error);
}
