import { ROLES } from '../../observability/prometheus/targets.ts';
import type { Settings } from '../settings.ts';
import { controllers } from './controller.ts';
import { jaegerPart } from './jaeger.ts';
import { modelParts } from './models.ts';
import { dashboardsPart, monitorsPart } from './monitoring.ts';
import { observabilityNamespace } from './observability.ts';
import type { Part } from './part.ts';
import { phoenixPart } from './phoenix.ts';
import { prometheusPart } from './prometheus.ts';
import { redisPart } from './redis.ts';
import { tierOneRoutes, tierTwoGateway } from './routes.ts';
import { tierOne } from './tier-one.ts';
import { tierTwo } from './tier-two.ts';

/** The objects of a whole platform, in an order in which they can be made: what a part needs stands before it. */
export function platform(settings: Settings): readonly Part[] {
  const parts = [
    ...observers(settings),
    redisPart(settings),
    tierTwo(settings),
    tierOne(settings),
    ...controllers(settings),
    tierTwoGateway(settings),
    tierOneRoutes(settings),
    ...modelParts(settings),
  ];
  return parts.filter((part) => part !== undefined);
}

const HERE = 'observability';
const THERE = 'observability-models';

/** A Prometheus finds pods of its own cluster alone: of two clusters each has one. Traces of both go to one place. */
function observers(settings: Settings): (Part | undefined)[] {
  const isTwo = settings.topology === 'two-clusters';
  const here = { roles: isTwo ? (['tier-one'] as const) : ROLES, namespacePart: HERE };
  const there = { roles: ROLES.filter((role) => role !== 'tier-one'), namespacePart: THERE };
  const inGateway = [
    prometheusPart(settings, 'prometheus', 'gateway', HERE),
    phoenixPart(settings, HERE),
    jaegerPart(settings, HERE),
    dashboardsPart(settings, HERE),
    monitorsPart(settings, 'monitors', 'gateway', here),
  ];
  const inModel = isTwo
    ? [prometheusPart(settings, 'prometheus-models', 'model', THERE), monitorsPart(settings, 'monitors-models', 'model', there)]
    : [];
  return [
    ...(isSome(inGateway) ? [observabilityNamespace(settings, HERE, 'gateway')] : []),
    ...(isSome(inModel) ? [observabilityNamespace(settings, THERE, 'model')] : []),
    ...inGateway,
    ...inModel,
  ];
}

function isSome(parts: readonly (Part | undefined)[]): boolean {
  return parts.some((part) => part !== undefined);
}
