import { authorityOf, originUrl } from '../http/origin.ts';

import type { Serving } from '../attempt/backend.ts';
import type { AiTarget } from '../providers/target.ts';
import type { McpRule } from '../route/mcp-rule.ts';
import type { Match, Rule, ValueMatch } from '../route/rule.ts';
import type { MatchIndex } from '../route/table.ts';
import type { Snapshot } from './snapshot.ts';

/** A configuration as an operator may see it: names, addresses and limits; no key, no header value that was set. */
export function describeSnapshot(snapshot: Snapshot): object {
  return {
    generation: snapshot.generation,
    hash: snapshot.hash,
    loadedAt: new Date(snapshot.loadedAt).toISOString(),
    notices: snapshot.notices,
    ports: snapshot.ports.map(({ port, listeners }) => ({
      port,
      listeners: listeners.map(({ name, hostname, hosts, client }) => ({
        name,
        hostname,
        maxBodyBytes: client.maxBodyBytes,
        hosts: hosts.entries().map(([host, index]) => ({ host, rules: describeRules(index) })),
      })),
    })),
  };
}

function describeRules(index: MatchIndex): object[] {
  const byRule = Map.groupBy(index.matches(), (match) => match.rule);
  return index.rules().map((rule) => describeRule(rule, byRule.get(rule) ?? []));
}

function describeRule(rule: Rule, matches: readonly Match[]): object {
  const { route, plan } = rule;
  if (!rule.ai && rule.mcp !== undefined) return describeMcp(rule, rule.mcp, matches);
  return {
    route: `${route.kind} ${route.namespace}/${route.name}`,
    rule: rule.name ?? rule.index,
    matches: matches.map(describeMatch),
    security: rule.security?.name ?? 'open',
    backends: plan.targets.map((target) => ({
      id: target.id,
      weight: target.weight,
      priority: target.priority,
      endpoints: describeEndpoints(target.backend),
      ...(rule.ai ? describeAi(target as AiTarget) : {}),
    })),
    timeouts: { requestMs: plan.requestTimeoutMs, streamIdleMs: plan.streamIdleTimeoutMs, perTryMs: plan.retry.perTryTimeoutMs },
    attempts: plan.retry.maxAttempts ?? 'each backend once',
  };
}

function describeEndpoints({ endpoints }: Serving): object[] {
  return endpoints.map((endpoint) => ({
    url: originUrl(endpoint.origin),
    ...(endpoint.origin.proxy && { forwardProxy: authorityOf(endpoint.origin.proxy) }),
    available: endpoint.health.available(Date.now()),
    inFlight: endpoint.inFlight,
  }));
}

function describeMcp({ route, security }: Rule, { path, targets }: McpRule, matches: readonly Match[]): object {
  return {
    route: `${route.kind} ${route.namespace}/${route.name}`,
    path,
    matches: matches.map(describeMatch),
    security: security?.name ?? 'open',
    servers: targets.map((target) => ({
      name: target.name,
      // A query may have a key.
      path: target.path.split('?', 1)[0],
      tools: target.tools ?? 'all',
      credential: target.credential === undefined ? 'none' : '[redacted]',
      ...(target.exchange && { tokenExchange: target.exchange.name }),
      forwardHeaders: target.forwardHeaders.map(({ name, as }) => (name === as ? name : `${name} as ${as}`)),
      endpoints: describeEndpoints(target.backend),
    })),
  };
}

function describeAi({ schema, modelOverride, credential, headers, bodyEdits }: AiTarget): object {
  return {
    schema: schema.name,
    modelNameOverride: modelOverride,
    credential: credential === undefined ? 'none' : '[redacted]',
    headersSet: [...headers.replaced],
    bodyEdited: bodyEdits.map((edit) => ('set' in edit ? edit.set : edit.remove)),
  };
}

function describeMatch({ path, method, headers, query }: Match): object {
  return { path: { type: path.type, value: path.value }, method, headers: headers.map(describeValue), query: query.map(describeValue) };
}

function describeValue({ name, exact }: ValueMatch): object {
  return { name, value: exact ?? '(pattern)' };
}
