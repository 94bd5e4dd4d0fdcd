import { checkClientSelectors, ClientSelector } from '../envoy-gateway/client-selector.ts';
import { defineKind, type ResourceOf } from '../kind.ts';
import { list, object, oneOf, type Static, Type } from '../schema.ts';
import { AI_GATEWAY_GROUP } from './group.ts';
import { checkExpression } from './llm-request-cost.ts';
import { TargetRef } from './target-ref.ts';
import { reportDuplicates } from './unique.ts';

/** What a quota may count in a window of time. */
const Quota = object({
  limit: Type.Integer({ minimum: 0 }),
  duration: oneOf(['1s', '1m', '1h', '1d']),
});
export type Quota = Static<typeof Quota>;

const BucketRule = object({
  clientSelectors: Type.Optional(list(ClientSelector, 8)),
  quota: Quota,
  shadowMode: Type.Optional(Type.Boolean()),
});

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
    checkExpression(spec?.serviceQuota?.costExpression, 'spec.serviceQuota.costExpression', report);
    const path = 'spec.perModelQuotas';
    reportDuplicates(spec?.perModelQuotas, ({ modelName }) => modelName, path, 'modelName', report);
    for (const [index, { quota }] of (spec?.perModelQuotas ?? []).entries()) {
      const at = `${path}[${index}].quota`;
      if (quota.defaultBucket === undefined && (quota.bucketRules ?? []).length === 0)
        report(at, 'must have a defaultBucket or bucketRules');
      checkExpression(quota.costExpression, `${at}.costExpression`, report);
      for (const [place, { clientSelectors }] of (quota.bucketRules ?? []).entries())
        checkClientSelectors(clientSelectors, `${at}.bucketRules[${place}].clientSelectors`, report);
    }
  },
});
export type QuotaPolicy = ResourceOf<typeof QuotaPolicy>;
