import type { Endpoint } from '../attempt/backend.ts';
import type { Families, Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/trace/tracing.ts';

import type { Sliced } from '../resources/slices.ts';
import type { Rule } from '../route/rule.ts';
import type { Snapshot } from './snapshot.ts';

/** Every name that the configuration gives a model, in slices: no client's invention. */
export function* modelNames(snapshot: Snapshot): Sliced<Set<string>> {
  const names = new Set<string>();
  for (const { listeners } of snapshot.ports) {
    for (const { hosts } of listeners) {
      for (const [, index] of hosts.entries()) {
        for (const name of index.modelNames()) names.add(name);
        yield;
        for (const rule of index.rules()) {
          if (rule.ai) for (const { modelOverride } of rule.plan.targets) if (modelOverride !== undefined) names.add(modelOverride);
          yield;
        }
      }
    }
  }
  return names;
}

/** Shows what became of the spans. */
export function watchTracing(tracing: Tracing, metrics: Metrics): void {
  const { telemetryDropped, telemetryExported, telemetryFailed } = metrics.families;
  metrics.onCollect(() => {
    const { exported, dropped, failedExports } = tracing.counts;
    telemetryExported.with('spans').value = exported;
    telemetryDropped.with('spans').value = dropped;
    telemetryFailed.with('spans').value = failedExports;
  });
}

type State = 'available' | 'cooling' | 'ejected' | 'trial';

/** How the backends of the configuration stand: their requests, the states of their endpoints, and how often the breaker opened. */
export function backendGauges(snapshot: Snapshot, { backendInFlight, backendEndpoints, backendEjections }: Families): void {
  backendInFlight.clear();
  backendEndpoints.clear();
  const now = Date.now();
  const backends = backendsOf(snapshot);
  for (const { labels } of backendEjections.series()) if (!backends.has(labels[0]!)) backendEjections.remove('backend', labels[0]!);
  for (const [name, endpoints] of backends) {
    let inFlight = 0;
    let ejections = 0;
    const states: Record<State, number> = { available: 0, cooling: 0, ejected: 0, trial: 0 };
    for (const { inFlight: running, health } of endpoints) {
      inFlight += running;
      ejections += health.timesEjected;
      const state = health.cooling(now) ? 'cooling' : health.ejected(now) ? 'ejected' : health.available(now) ? 'available' : 'trial';
      states[state]++;
    }
    backendInFlight.with(name).set(inFlight);
    // Endpoints of a new configuration count anew: that is another series, with another beginning.
    if (ejections < backendEjections.with(name).value) backendEjections.remove('backend', name);
    backendEjections.with(name).value = ejections;
    for (const [state, count] of Object.entries(states)) backendEndpoints.with(name, state).set(count);
  }
}

/** One backend may stand in many rules. */
function backendsOf(snapshot: Snapshot): Map<string, Set<Endpoint>> {
  const backends = new Map<string, Set<Endpoint>>();
  for (const rule of rulesOf(snapshot)) {
    for (const { backend } of rule.plan.targets) {
      const known = backends.get(backend.name) ?? new Set();
      for (const endpoint of backend.endpoints) known.add(endpoint);
      backends.set(backend.name, known);
    }
  }
  return backends;
}

/** Every rule once: one may serve several hosts and listeners. */
export function rulesOf(snapshot: Snapshot): Set<Rule> {
  return new Set(everyRule(snapshot));
}

/** Every rule, at each host and listener that it serves. */
export function* everyRule({ ports }: Snapshot): Iterable<Rule> {
  for (const { listeners } of ports) for (const { hosts } of listeners) for (const [, index] of hosts.entries()) yield* index.rules();
}
