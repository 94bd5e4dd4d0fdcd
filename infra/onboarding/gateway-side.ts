import { dashboardJson } from '../../observability/dashboards/json.ts';
import { POOLS_DASHBOARD } from '../../observability/dashboards/pools.ts';
import { objectLabels } from '../charts/labels.ts';
import { CONTROLLER, TIER_ONE, TIER_TWO } from '../charts/names.ts';
import { addConfigMap } from '../charts/objects.ts';
import { emptyPart } from '../charts/observability.ts';
import type { Manifest, Part } from '../charts/part.ts';
import { addAccess, namedReader } from '../charts/rbac.ts';
import { routeTable } from '../charts/route-table.ts';
import { costKey, keyPolicy, routeManifests } from '../charts/routes.ts';
import { Sheet } from '../charts/sheet.ts';
import type { Settings } from '../settings.ts';
import { modelOf, withOwner } from './model-side.ts';
import { gatewayName, keysName } from './names.ts';
import type { OnboardingRequest } from './request.ts';

/**
 * What goes to the cluster of tier one. The route comes last, and goes first: without the policy of the team, those who may call the whole
 * Gateway might call it.
 */
export function gatewaySide(request: OnboardingRequest, settings: Settings): Part {
  const { namespaces } = settings;
  const name = gatewayName(request.name);
  const secret = keysName(request.name);
  const sheet = new Sheet(namespaces.tierOne, objectLabels(settings, 'tierkit', TIER_ONE));
  addAccess(sheet, namespaces.tierOne, secret, namedReader([secret], []), [
    { name: TIER_ONE, namespace: namespaces.tierOne },
    { name: CONTROLLER, namespace: namespaces.controller },
  ]);
  const manifests = [
    keyPolicy(name, namespaces.tierOne, { kind: 'HTTPRoute', name }, secret),
    ...limits(request, namespaces.tierOne),
    ...prices(request, namespaces.tierOne),
    ...budgets(request, namespaces.tierOne),
    ...routeManifests(routeTable([modelOf(request)], []), namespaces.tierOne, name),
  ];
  for (const manifest of manifests) sheet.add(manifest);
  return {
    ...emptyPart(name, 'gateway'),
    needs: ['tier-one-routes'],
    manifests: [...sheet.manifests(), ...dashboards(request, settings)].map((manifest) => withOwner(manifest, request)),
    awaited: [{ kind: 'AIGatewayRoute', namespace: namespaces.tierOne, name, condition: 'Accepted' }],
    secrets: [
      { namespace: namespaces.tierOne, name: secret, labels: {}, values: { [request.name]: { from: 'existing' } }, existing: true },
    ],
  };
}

/** All requests of the route are counted together: the route is the team's alone. */
function limits({ name, requestsPerMinute, tokensPerMinute }: OnboardingRequest, namespace: string): Manifest[] {
  const tokens = { from: 'Metadata', metadata: { namespace: 'io.envoy.ai_gateway', key: costKey('TotalToken') } };
  const rules = [
    ...(requestsPerMinute === undefined ? [] : [{ limit: { requests: requestsPerMinute, unit: 'Minute' } }]),
    ...(tokensPerMinute === undefined
      ? []
      : [{ limit: { requests: tokensPerMinute, unit: 'Minute' }, cost: { request: { from: 'Number', number: 0 }, response: tokens } }]),
  ];
  if (rules.length === 0) return [];
  return [
    {
      apiVersion: 'gateway.envoyproxy.io/v1alpha1',
      kind: 'BackendTrafficPolicy',
      metadata: { name: gatewayName(name), namespace },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: gatewayName(name) }],
        rateLimit: { type: 'Global', global: { rules } },
      },
    },
  ];
}

function prices({ name, model, price }: OnboardingRequest, namespace: string): Manifest[] {
  if (price === undefined) return [];
  return [
    {
      apiVersion: 'tierkit.dev/v1alpha1',
      kind: 'PriceTable',
      metadata: { name: gatewayName(name), namespace },
      spec: {
        currency: 'USD',
        entries: [{ model, backend: TIER_TWO, prices: { input: price.input, cachedInput: price.input, output: price.output } }],
      },
    },
  ];
}

function budgets({ name, budget }: OnboardingRequest, namespace: string): Manifest[] {
  if (budget === undefined) return [];
  return [
    {
      apiVersion: 'tierkit.dev/v1alpha1',
      kind: 'Budget',
      metadata: { name: gatewayName(name), namespace },
      spec: {
        targetRefs: [{ kind: 'AIGatewayRoute', name: gatewayName(name) }],
        amount: budget,
        currency: 'USD',
        window: { unit: 'Month' },
        mode: 'Hard',
        alerts: [50, 80, 100],
      },
    },
  ];
}

/** The dashboard of pools, of the team's pool alone. */
function dashboards({ name, owner }: OnboardingRequest, settings: Settings): Manifest[] {
  const { observability, namespaces } = settings;
  if (!observability.dashboards) return [];
  const { runbooks } = observability;
  const sheet = new Sheet(namespaces.observability, objectLabels(settings, 'tierkit', 'dashboards'));
  const uid = gatewayName(name);
  const own = {
    ...POOLS_DASHBOARD,
    uid,
    title: `Tierkit / ${owner}: ${name}`,
    variables: POOLS_DASHBOARD.variables.filter((variable) => variable.name !== 'pool_namespace'),
  };
  const json = dashboardJson(own, runbooks === undefined ? {} : { runbooks }).replaceAll(
    String.raw`pool_namespace=~\"$pool_namespace\"`,
    String.raw`pool_namespace=\"${name}\"`,
  );
  addConfigMap(sheet, `dashboard-${uid}`, { [`${uid}.json`]: JSON.stringify(JSON.parse(json)) }, { grafana_dashboard: '1' });
  return sheet.manifests();
}
