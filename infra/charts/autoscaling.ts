import { Duration } from 'cdk8s';

import { kplus } from '../k8s.ts';
import type { Autoscaling } from '../settings.ts';
import type { Sheet } from './sheet.ts';

type Scaled = Exclude<Autoscaling, { readonly by: 'none' }>;

/** Streams go on for minutes: pods that come and go with every wave would break more of them than they serve. */
const CALM_SECONDS = 300;

/** What decides how many pods a Deployment has. */
export function autoscale(sheet: Sheet, deployment: kplus.Deployment, name: string, autoscaling: Scaled): void {
  if (autoscaling.by === 'hpa') addHpa(sheet, deployment, name, autoscaling);
  else sheet.add(scaledObject(sheet.namespace, name, autoscaling));
}

function addHpa({ chart }: Sheet, target: kplus.Deployment, name: string, scale: Scaled & { readonly by: 'hpa' }): void {
  const { inFlight } = scale;
  void new kplus.HorizontalPodAutoscaler(chart, `scaler-${name}`, {
    metadata: { name },
    target,
    minReplicas: scale.min,
    maxReplicas: scale.max,
    metrics: [
      kplus.Metric.resourceCpu(kplus.MetricTarget.averageUtilization(scale.cpuPercent)),
      ...(inFlight === undefined
        ? []
        : [kplus.Metric.pods({ name: inFlight.metric, target: kplus.MetricTarget.averageValue(inFlight.target) })]),
    ],
    scaleUp: {
      policies: [{ replicas: kplus.Replicas.percent(100), duration: Duration.seconds(30) }],
      stabilizationWindow: Duration.seconds(0),
    },
    scaleDown: {
      policies: [{ replicas: kplus.Replicas.absolute(1), duration: Duration.seconds(60) }],
      stabilizationWindow: Duration.seconds(CALM_SECONDS),
    },
  });
}

function scaledObject(namespace: string, name: string, { min, max, cpuPercent, inFlight }: Scaled & { readonly by: 'keda' }) {
  const cpu = { type: 'cpu', metricType: 'Utilization', metadata: { value: String(cpuPercent) } };
  const prometheus = inFlight && {
    type: 'prometheus',
    metricType: 'AverageValue',
    metadata: {
      serverAddress: inFlight.prometheus,
      // The job's name is that of the tier.
      query: `sum(tierkit_requests_in_flight{job="tierkit-${name}",namespace="${namespace}"})`,
      threshold: String(inFlight.target),
    },
  };
  return {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: { name },
    spec: {
      scaleTargetRef: { name },
      minReplicaCount: min,
      maxReplicaCount: max,
      advanced: { horizontalPodAutoscalerConfig: { behavior: { scaleDown: { stabilizationWindowSeconds: CALM_SECONDS } } } },
      triggers: prometheus === undefined ? [cpu] : [cpu, prometheus],
    },
  };
}
