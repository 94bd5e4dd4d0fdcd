import { HTTPHeaderMatch } from '../gateway-api/header-match.ts';
import { ParentReference } from '../gateway-api/parent-reference.ts';
import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { Duration, durationMs, Group, Hostname, list, Namespace, object, SectionName, type Static, text, Type } from '../schema.ts';
import { AI_GATEWAY_GROUP, AI_GATEWAY_VERSIONS } from './group.ts';
import { checkHeaderMatches } from './header-match.ts';
import { checkRequestCosts, LLMRequestCost } from './llm-request-cost.ts';
import { BodyMutation, checkMutations, HeaderMutation } from './mutation.ts';
import { count } from './number.ts';
import { checkParentRefs } from './parent-ref.ts';
import { DateTime, isDateTime } from './text-formats.ts';
import { reportDuplicates } from './unique.ts';

/** An AIServiceBackend, or with group and kind an InferencePool. */
const BackendRef = object({
  group: Type.Optional(Group),
  kind: Type.Optional(text(63, 0, '^$|^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$')),
  namespace: Type.Optional(Namespace),
  name: Type.String({ minLength: 1 }),
  modelNameOverride: Type.Optional(Type.String()),
  weight: count(1),
  /** 0 is tried first. */
  priority: count(0),
  headerMutation: Type.Optional(HeaderMutation),
  bodyMutation: Type.Optional(BodyMutation),
});

const Rule = object({
  name: Type.Optional(SectionName),
  matches: Type.Optional(list(object({ headers: Type.Optional(list(HTTPHeaderMatch, 16)) }), 128)),
  backendRefs: Type.Optional(list(BackendRef, 128)),
  timeouts: Type.Optional(object({ request: Type.Optional(Duration), backendRequest: Type.Optional(Duration) })),
  streamIdleTimeout: Type.Optional(Duration),
  modelsOwnedBy: Type.String({ default: 'Envoy AI Gateway' }),
  modelsCreatedAt: Type.Optional(DateTime),
});
type Rule = Static<typeof Rule>;

/** Which requests go to which models' backends. */
export const AIGatewayRoute = defineKind({
  kind: 'AIGatewayRoute',
  group: AI_GATEWAY_GROUP,
  versions: AI_GATEWAY_VERSIONS,
  namespaced: true,
  schema: object({
    spec: object({
      hostnames: Type.Optional(list(Hostname, 16)),
      parentRefs: Type.Optional(list(ParentReference, 16)),
      rules: list(Rule, 15),
      llmRequestCosts: Type.Optional(list(LLMRequestCost, 36)),
    }),
  }),
  refused: {},
  rules: ({ spec }, report) => {
    checkParentRefs(spec.parentRefs, 'spec.parentRefs', report);
    checkRequestCosts(spec.llmRequestCosts, 'spec.llmRequestCosts', report);
    reportDuplicates(spec.rules, (rule) => rule.name, 'spec.rules', 'name', report);
    for (const [index, rule] of spec.rules.entries()) checkRule(rule, `spec.rules[${index}]`, report);
  },
});
export type AIGatewayRoute = ResourceOf<typeof AIGatewayRoute>;

/** Envoy AI Gateway gives this name to the rule that answers what no other rule matches. */
const RESERVED_NAME = 'route-not-found';

function checkRule(rule: Rule, path: string, report: Report): void {
  if (rule.name === RESERVED_NAME) report(`${path}.name`, `${RESERVED_NAME} is reserved; give the rule another name`);
  for (const [index, match] of (rule.matches ?? []).entries()) {
    checkHeaderMatches(match.headers, `${path}.matches[${index}].headers`, report);
  }
  checkBackendRefs(rule.backendRefs ?? [], `${path}.backendRefs`, report);
  checkTimeouts(rule.timeouts, `${path}.timeouts`, report);
  if (rule.modelsCreatedAt !== undefined && !isDateTime(rule.modelsCreatedAt)) {
    report(`${path}.modelsCreatedAt`, `${JSON.stringify(rule.modelsCreatedAt)} is a day or time that does not exist`);
  }
}

function checkBackendRefs(refs: NonNullable<Rule['backendRefs']>, path: string, report: Report): void {
  for (const [index, ref] of refs.entries()) {
    const at = `${path}[${index}]`;
    checkMutations(ref, at, report);
    if (ref.group === undefined && ref.kind === undefined) continue;
    if (ref.group === undefined) report(`${at}.group`, 'is required when kind is set');
    else if (ref.kind === undefined) report(`${at}.kind`, 'is required when group is set');
    else if (ref.group !== 'inference.networking.k8s.io' || ref.kind !== 'InferencePool') {
      const given = `${ref.kind} of ${JSON.stringify(ref.group)}`;
      report(at, `must be an InferencePool of inference.networking.k8s.io, not ${given}; leave group and kind out for an AIServiceBackend`);
    }
  }
  // The CRD allows one InferencePool and nothing beside it; here releases of a model, and providers behind a pool, may stand in one rule.
}

function checkTimeouts(timeouts: Rule['timeouts'], path: string, report: Report): void {
  if (timeouts?.request === undefined || timeouts.backendRequest === undefined) return;
  const requestMs = durationMs(timeouts.request);
  // A request timeout of 0 is none.
  if (requestMs === 0 || durationMs(timeouts.backendRequest) <= requestMs) return;
  report(`${path}.backendRequest`, `${timeouts.backendRequest} is longer than request, which is ${timeouts.request}`);
}
