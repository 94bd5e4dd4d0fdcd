import type { Report } from '../kind.ts';
import { object, oneOf, type Static, Type } from '../schema.ts';
import { map } from './collections.ts';

/** Kubernetes' LabelSelector. An object fits when it fits every label and every expression. */
export const LabelSelector = object({
  matchLabels: Type.Optional(map(Type.String())),
  matchExpressions: Type.Optional(
    Type.Array(
      object({
        key: Type.String(),
        operator: oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: Type.Optional(Type.Array(Type.String())),
      }),
    ),
  ),
});
export type LabelSelector = Static<typeof LabelSelector>;

/** `In` and `NotIn` compare with values, the other operators have none. The CRD leaves this to whoever reads the selector. */
export function checkSelector(selector: LabelSelector, path: string, report: Report): void {
  for (const [index, { operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const compares = operator === 'In' || operator === 'NotIn';
    if (compares === values.length > 0) continue;
    report(
      `${path}.matchExpressions[${index}].values`,
      compares ? `is required for operator ${operator}` : `must be empty for operator ${operator}`,
    );
  }
}

/** Whether the labels of an object fit the selector. A selector without conditions fits everything. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const has = (key: string) => Object.hasOwn(labels, key);
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (!has(key) || labels[key] !== value) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return has(key);
    if (operator === 'DoesNotExist') return !has(key);
    return (operator === 'In') === (has(key) && values.includes(labels[key]!));
  });
}
