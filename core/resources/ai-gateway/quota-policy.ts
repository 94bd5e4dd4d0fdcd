import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { list, object, oneOf, type Static, text, Type } from '../schema.ts';
import { AI_GATEWAY_GROUP } from './group.ts';
import { TargetRef } from './target-ref.ts';

/** What a quota may count in a window of time. */
const Quota = object({
  limit: Type.Integer({ minimum: 0 }),
  duration: oneOf(['1s', '1m', '1h', '1d']),
});

const invert = Type.Boolean({ default: false });

/** A header or a query parameter by name. `Distinct` counts each value apart. */
const NamedMatch = object({
  type: oneOf(['Exact', 'RegularExpression', 'Distinct'], { default: 'Exact' }),
  name: text(256),
  value: Type.Optional(text(1024, 0)),
  invert,
});

/** Requests for which all of the parts hold. */
const ClientSelector = object({
  headers: Type.Optional(list(NamedMatch, 64)),
  methods: Type.Optional(
    Type.Array(object({ value: oneOf(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']), invert })),
  ),
  path: Type.Optional(
    object({
      type: oneOf(['Exact', 'PathPrefix', 'RegularExpression'], { default: 'PathPrefix' }),
      value: Type.String({ maxLength: 1024, default: '/' }),
      invert,
    }),
  ),
  queryParams: Type.Optional(list(NamedMatch, 16)),
  sourceCIDR: Type.Optional(object({ type: oneOf(['Exact', 'Distinct'], { default: 'Exact' }), value: text(256), invert })),
});

const BucketRule = object({
  clientSelectors: Type.Optional(list(ClientSelector, 8)),
  quota: Quota,
  shadowMode: Type.Optional(Type.Boolean()),
});
type BucketRule = Static<typeof BucketRule>;

const PerModelQuota = object({
  modelName: Type.String({ minLength: 1 }),
  quota: object({
    costExpression: Type.Optional(Type.String()),
    mode: oneOf(['Shared'], { default: 'Shared' }),
    defaultBucket: Type.Optional(Quota),
    bucketRules: Type.Optional(Type.Array(BucketRule)),
  }),
});

/** How much of a backend its clients may use. */
export const QuotaPolicy = defineKind({
  kind: 'QuotaPolicy',
  group: AI_GATEWAY_GROUP,
  versions: ['v1alpha1'],
  namespaced: true,
  schema: object({
    spec: Type.Optional(
      object({
        targetRefs: Type.Optional(list(TargetRef, 16)),
        serviceQuota: Type.Optional(object({ costExpression: Type.Optional(Type.String()), quota: Quota })),
        perModelQuotas: Type.Optional(list(PerModelQuota, 128)),
      }),
    ),
  }),
  refused: {},
  rules: ({ spec }, report) => {
    for (const [index, { group, kind }] of (spec?.targetRefs ?? []).entries()) {
      if (group === AI_GATEWAY_GROUP && kind === 'AIServiceBackend') continue;
      report(`spec.targetRefs[${index}]`, `must be an AIServiceBackend of ${AI_GATEWAY_GROUP}, not ${kind} of ${JSON.stringify(group)}`);
    }
    for (const [index, { quota }] of (spec?.perModelQuotas ?? []).entries()) {
      checkBucketRules(quota.bucketRules ?? [], `spec.perModelQuotas[${index}].quota.bucketRules`, report);
    }
  },
});
export type QuotaPolicy = ResourceOf<typeof QuotaPolicy>;

function checkBucketRules(rules: readonly BucketRule[], path: string, report: Report): void {
  for (const [index, rule] of rules.entries()) {
    for (const [selectorIndex, selector] of (rule.clientSelectors ?? []).entries()) {
      if (Object.keys(selector).length > 0) continue;
      const at = `${path}[${index}].clientSelectors[${selectorIndex}]`;
      report(at, 'must have one of headers, methods, path, queryParams and sourceCIDR');
    }
  }
}
