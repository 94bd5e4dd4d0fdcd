import type { Autoscaling, Images, Observability, Redis, Resources, Size } from './settings.ts';

/** Name of the one platform of a cluster. */
export const DEFAULT_INSTANCE = 'tierkit';

/** What a size says where the settings do not. */
export interface Preset {
  readonly replicas: number;
  readonly resources: { readonly tier: Resources; readonly controller: Resources; readonly redis: Resources; readonly observer: Resources };
  readonly autoscaling: Autoscaling;
  /** Seconds. */
  readonly drain: number;
  readonly controllers: number;
  readonly redis: Redis['mode'];
  readonly modelReplicas: number;
  readonly observability: Pick<Observability, 'dashboards' | 'alerts'> & {
    readonly prometheus: boolean;
    readonly jaeger: boolean;
    readonly phoenix: boolean;
  };
  /** Size of volumes; undefined: what is kept there may be lost with its pod. */
  readonly storage: string | undefined;
  readonly networkPolicies: boolean;
}

const CONTROLLER = { cpu: '100m', memory: '256Mi' };

export const PRESETS: Readonly<Record<Size, Preset>> = {
  dev: {
    replicas: 1,
    resources: {
      tier: { cpu: '100m', memory: '384Mi' },
      controller: CONTROLLER,
      redis: { cpu: '50m', memory: '64Mi' },
      observer: { cpu: '100m', memory: '512Mi' },
    },
    autoscaling: { by: 'none' },
    drain: 15,
    controllers: 1,
    redis: 'none',
    modelReplicas: 1,
    observability: { prometheus: true, jaeger: true, phoenix: false, dashboards: false, alerts: true },
    storage: undefined,
    networkPolicies: true,
  },
  small: {
    replicas: 2,
    resources: {
      tier: { cpu: '250m', memory: '512Mi' },
      controller: CONTROLLER,
      redis: { cpu: '100m', memory: '256Mi' },
      observer: { cpu: '250m', memory: '1Gi' },
    },
    autoscaling: { by: 'none' },
    drain: 110,
    controllers: 2,
    redis: 'in-cluster',
    modelReplicas: 2,
    observability: { prometheus: true, jaeger: true, phoenix: false, dashboards: true, alerts: true },
    storage: '10Gi',
    networkPolicies: true,
  },
  production: {
    replicas: 2,
    resources: {
      tier: { cpu: '1', memory: '1Gi' },
      controller: CONTROLLER,
      redis: { cpu: '500m', memory: '1Gi' },
      observer: { cpu: '500m', memory: '2Gi' },
    },
    autoscaling: { by: 'hpa', min: 2, max: 20, cpuPercent: 60 },
    drain: 110,
    controllers: 2,
    redis: 'in-cluster',
    modelReplicas: 2,
    observability: { prometheus: true, jaeger: true, phoenix: true, dashboards: true, alerts: true },
    storage: '50Gi',
    networkPolicies: true,
  },
};

export const IMAGES: Images = {
  redis: 'redis:8.2.2',
  prometheus: 'prom/prometheus:v3.16.0',
  jaeger: 'jaegertracing/jaeger:2.20.0',
  phoenix: 'arizephoenix/phoenix:version-20.26.1',
  vllm: 'vllm/vllm-openai:v0.23.0',
};

export const EVERYWHERE = ['0.0.0.0/0', '::/0'] as const;

/** Addresses that no provider of the Internet has: private ones, and those of cloud metadata, which hand out credentials. */
export const NOT_PUBLIC = ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8'] as const;
