import { bornAt, nameOf } from '../kind.ts';
import type { InferenceModelRewrite } from './inference-model-rewrite.ts';

/** What becomes of one request's model. */
export interface ModelChoice {
  /** Name that the pods know. */
  readonly model: string;
  /** Rule that chose it, such as `InferenceModelRewrite default/canary spec.rules[0]`. */
  readonly rule: string;
}

/** A match, or a rule for every model, that no request ever comes to. */
export interface ShadowedMatch {
  readonly rewrite: InferenceModelRewrite;
  /** `spec.rules[1].matches[0]`, or `spec.rules[1]` of a rule for every model. */
  readonly path: string;
  /** Undefined for a rule for every model. */
  readonly model: string | undefined;
  /** The resource whose rule has the model before. */
  readonly by: InferenceModelRewrite;
  readonly byPath: string;
}

/** The rewrites of one pool, ready to look up. */
export interface ModelRewriteRules {
  readonly exact: ReadonlyMap<string, Rule>;
  /** For models without a rule of their own. */
  readonly everyOther: Rule | undefined;
  readonly shadowed: readonly ShadowedMatch[];
}

interface Rule {
  readonly rewrite: InferenceModelRewrite;
  /** Path of the first match that came here. */
  readonly path: string;
  /** Empty: the model stays as it is. */
  readonly targets: readonly { readonly choice: ModelChoice; /** Weights up to and with this one. */ readonly upTo: number }[];
  readonly total: number;
}

/**
 * Compiles the rewrites of one pool. A rule that names the model goes before a rule for every model; then the older resource (one without
 * a date is the newest), then its name, then the earlier rule.
 */
export function compileModelRewrites(rewrites: readonly InferenceModelRewrite[]): ModelRewriteRules {
  const exact = new Map<string, Rule>();
  const shadowed: ShadowedMatch[] = [];
  let everyOther: Rule | undefined;
  for (const rewrite of [...rewrites].sort(byAgeAndName)) {
    for (const [index, { matches = [], targets = [] }] of rewrite.body.spec.rules.entries()) {
      const at = `spec.rules[${index}]`;
      const choices = choicesOf(targets, `${nameOf(rewrite)} ${at}`);
      if (matches.length === 0) {
        if (everyOther === undefined) everyOther = { rewrite, path: at, ...choices };
        else shadowed.push({ rewrite, path: at, model: undefined, by: everyOther.rewrite, byPath: everyOther.path });
      }
      for (const [position, { model }] of matches.entries()) {
        const path = `${at}.matches[${position}]`;
        const first = exact.get(model.value);
        if (first === undefined) exact.set(model.value, { rewrite, path, ...choices });
        else shadowed.push({ rewrite, path, model: model.value, by: first.rewrite, byPath: first.path });
      }
    }
  }
  return { exact, everyOther, shadowed };
}

/** The rewrites of each pool, by the pool's `namespace/name`. Pools without any are not among them. */
export function modelRewritesByPool(rewrites: readonly InferenceModelRewrite[]): ReadonlyMap<string, ModelRewriteRules> {
  const byPool = Map.groupBy(rewrites, ({ metadata, body }) => `${metadata.namespace}/${body.spec.poolRef.name}`);
  return new Map([...byPool].map(([pool, own]) => [pool, compileModelRewrites(own)]));
}

/**
 * The model that a request is sent with. One look-up, however many rules there are, and one step for each target of the rule.
 * The answer is not looked up again: rules do not chain.
 * @param random a number from 0 to below 1
 * @returns undefined where no rule has the model, or its rule has no targets: the model stays as it is
 */
export function rewriteOf(rules: ModelRewriteRules, model: string, random: () => number): ModelChoice | undefined {
  const rule = rules.exact.get(model) ?? rules.everyOther;
  if (rule === undefined) return undefined;
  const { targets, total } = rule;
  if (targets.length < 2) return targets[0]?.choice;
  const mark = random() * total;
  return (targets.find(({ upTo }) => mark < upTo) ?? targets.at(-1))?.choice;
}

type Targets = NonNullable<InferenceModelRewrite['body']['spec']['rules'][number]['targets']>;

/** Targets without weights share alike. */
function choicesOf(targets: Targets, rule: string): Pick<Rule, 'targets' | 'total'> {
  let total = 0;
  const choices = targets.map(({ weight = 1, modelRewrite }) => {
    total += weight;
    return { choice: { model: modelRewrite, rule }, upTo: total };
  });
  return { targets: choices, total };
}

function byAgeAndName(a: InferenceModelRewrite, b: InferenceModelRewrite): number {
  const [first, second] = [nameOf(a), nameOf(b)];
  return bornAt(a) - bornAt(b) || (first === second ? 0 : first < second ? -1 : 1);
}
