import { defineKind } from '#core/resources/kind';
import { Duration, Hostname, list, Namespace, object, oneOf, PortNumber, type Static, text, Type } from '#core/resources/schema';

const opt = Type.Optional;
const formed = (description: string, pattern: string, maxLength = 253) => Type.String({ minLength: 1, maxLength, pattern, description });

const DNS_LABEL = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
const DNS_NAME = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';
const ObjectName = formed('name of a Kubernetes object (lower case letters, digits, "-", ".")', DNS_NAME);
/** Names of workloads are labels of their pods and names of Services as well; what is made of them is longer by a few letters. */
const Name = formed('name (lower case letters, digits and "-", 40 at most)', DNS_LABEL, 40);
const Quantity = formed('quantity of Kubernetes, such as 250m, 2 or 512Mi', '^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$', 20);
const Cidr = formed(
  'CIDR such as 10.0.0.0/8 or ::/0',
  '^([0-9]{1,3}(\\.[0-9]{1,3}){3}/([0-9]|[12][0-9]|3[0-2])|[0-9a-fA-F:]*:[0-9a-fA-F:]*/[0-9]{1,3})$',
);
const HttpUrl = formed('URL that begins with http:// or https://', '^https?://[^\\s/]+\\S*$', 2048);
const ImageReference = formed('image reference such as registry.example.com/redis:8.2', '^[a-z0-9][a-zA-Z0-9._/:@-]*$', 512);
const ImageName = formed('image name without tag and digest', '^[a-z0-9][a-z0-9._/-]*(:[0-9]+/[a-z0-9._/-]+)?$', 512);
const Tag = formed('tag of an image', '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$', 128);
const Digest = formed('digest such as sha256: and 64 hexadecimal digits', '^sha256:[0-9a-f]{64}$');
/** What names of pools and pods end with: with it they are still names of Services. */
const Version = formed('version (lower case letters, digits and "-", 10 at most)', DNS_LABEL, 10);
const Text = text(1024);
const Count = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });
const Strings = (most: number) => Type.Record(Type.String(), Type.String(), { maxProperties: most });

const SecretReference = object({
  config: opt(Text),
  file: opt(Text),
  existing: opt(ObjectName),
  external: opt(object({ store: ObjectName, storeKind: opt(oneOf(['SecretStore', 'ClusterSecretStore'])), key: Text })),
});
export type SecretReferenceInput = Static<typeof SecretReference>;

const Resources = object({ cpu: opt(Quantity), memory: opt(Quantity) });

const Autoscaling = object({
  by: opt(oneOf(['none', 'hpa', 'keda'])),
  min: opt(Count(1, 1000)),
  max: opt(Count(1, 1000)),
  cpuPercent: opt(Count(1, 100)),
  /** By requests under way in each pod: KEDA asks Prometheus, an HPA asks Prometheus adapter for `metric`. */
  inFlight: opt(object({ target: Count(1, 100_000), metric: opt(Text) })),
});

const Exposure = object({
  type: opt(oneOf(['LoadBalancer', 'ClusterIP', 'NodePort'])),
  port: opt(PortNumber),
  tls: opt(
    object({
      hostname: Hostname,
      secret: opt(ObjectName),
      issuer: opt(object({ kind: opt(oneOf(['Issuer', 'ClusterIssuer'])), name: ObjectName })),
      caConfigMap: opt(ObjectName),
    }),
  ),
  /** Gateway API has eight at most. */
  annotations: opt(Strings(8)),
});

const TIER = {
  replicas: opt(Count(1, 1000)),
  resources: opt(Resources),
  autoscaling: opt(Autoscaling),
  drain: opt(Duration),
  accessLog: opt(Type.Boolean()),
  exposure: opt(Exposure),
  readsSecrets: opt(list(ObjectName, 256)),
};

const Provider = object({
  name: Name,
  api: oneOf(['OpenAI', 'Anthropic', 'AzureOpenAI', 'Cohere']),
  hostname: opt(formed('host name', DNS_NAME)),
  port: opt(PortNumber),
  tls: opt(Type.Boolean()),
  prefix: opt(Text),
  version: opt(Text),
  key: opt(SecretReference),
  models: list(object({ name: Text, as: opt(text(256)) }), 512, 1),
});
export type ProviderInput = Static<typeof Provider>;

const Parallelism = object({
  tensor: opt(Count(1, 1024)),
  pipeline: opt(Count(1, 1024)),
  data: opt(Count(1, 1024)),
  dataLocal: opt(Count(1, 1024)),
  dataRPCPort: opt(PortNumber),
  expert: opt(Type.Boolean()),
});

/** 0 replicas are let through here, to be told of by the rules: what does not scale to zero, and what to do instead. */
const KServeScaling = object({
  by: oneOf(['hpa', 'keda']),
  min: opt(Count(0, 1000)),
  max: Count(1, 1000),
  variantCost: opt(Type.Number({ minimum: 0, maximum: 1_000_000 })),
  scaleDownSeconds: opt(Count(0, 3600)),
  scaleUpSeconds: opt(Count(0, 3600)),
  pollingSeconds: opt(Count(1, 86_400)),
  cooldownSeconds: opt(Count(0, 86_400)),
  initialCooldownSeconds: opt(Count(0, 86_400)),
  idleReplicas: opt(Count(0, 1000)),
  fallback: opt(
    object({
      failures: Count(1, 1000),
      replicas: Count(0, 1000),
      behavior: opt(oneOf(['static', 'currentReplicas', 'currentReplicasIfHigher', 'currentReplicasIfLower'])),
    }),
  ),
});
export type KServeScalingInput = Static<typeof KServeScaling>;

const KServePods = object({ resources: opt(Resources), gpus: opt(Count(0, 64)) });
export type KServePodsInput = Static<typeof KServePods>;

const Toleration = object({
  key: opt(Text),
  operator: opt(oneOf(['Equal', 'Exists'])),
  value: opt(text(63, 0)),
  effect: opt(oneOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])),
  tolerationSeconds: opt(Count(0, 2 ** 31 - 1)),
});

/** Of the pods that decode or do everything, and of those that prefill. */
const KSERVE_WORKLOAD = {
  scaling: opt(KServeScaling),
  parallelism: opt(Parallelism),
  workers: opt(KServePods),
  nodeSelector: opt(Strings(64)),
  tolerations: opt(list(Toleration, 32)),
};

const KServePrefill = object({
  ...KSERVE_WORKLOAD,
  replicas: opt(Count(0, 1000)),
  resources: opt(Resources),
  gpus: opt(Count(0, 64)),
});
export type KServePrefillInput = Static<typeof KServePrefill>;

const KServe = object({
  ...KSERVE_WORKLOAD,
  prefill: opt(KServePrefill),
  lora: opt(
    object({
      adapters: list(object({ name: text(256), uri: Text }), 64, 1),
      maxRank: opt(Count(1, 4096)),
      maxAdapters: opt(Count(1, 1024)),
      maxCpuAdapters: opt(Count(1, 1024)),
    }),
  ),
  cache: opt(object({ size: Quantity, nodeGroups: list(ObjectName, 64, 1), serviceAccount: opt(ObjectName) })),
});
export type KServeInput = Static<typeof KServe>;

const Model = object({
  namespace: Namespace,
  name: Name,
  model: opt(text(256)),
  routes: opt(list(text(256), 64, 1)),
  runtime: oneOf(['simulator', 'vllm', 'kserve']),
  replicas: opt(Count(0, 1000)),
  picker: opt(oneOf(['built-in', 'epp'])),
  loras: opt(list(text(256), 64)),
  resources: opt(Resources),
  gpus: opt(Count(0, 64)),
  source: opt(Text),
  tokenSecret: opt(ObjectName),
  image: opt(ImageReference),
  speed: opt(Type.Number({ exclusiveMinimum: 0, maximum: 10_000 })),
  args: opt(list(Text, 64)),
  version: opt(Version),
  release: opt(
    object({
      version: Version,
      weight: opt(Count(0, 100)),
      replicas: opt(Count(0, 1000)),
      source: opt(Text),
      image: opt(ImageReference),
      args: opt(list(Text, 64)),
    }),
  ),
  kserve: opt(KServe),
});
export type ModelInput = Static<typeof Model>;

const Observer = {
  mode: opt(oneOf(['off', 'in-cluster', 'external'])),
  endpoint: opt(HttpUrl),
  resources: opt(Resources),
  storage: opt(Quantity),
};
export type ObserverInput = Static<ReturnType<typeof observer>>;
const observer = () => object(Observer);

const Cluster = object({ kubeconfig: opt(Text), context: opt(Text) });

const Schema = object({
  size: opt(oneOf(['dev', 'small', 'production'])),
  topology: opt(oneOf(['one-cluster', 'two-clusters'])),
  instance: opt(Name),
  clusters: opt(object({ gateway: opt(Cluster), model: opt(Cluster) })),
  image: object({
    name: ImageName,
    tag: opt(Tag),
    digest: opt(Digest),
    pullPolicy: opt(oneOf(['Always', 'IfNotPresent', 'Never'])),
    pullSecrets: opt(list(ObjectName, 16)),
  }),
  images: opt(
    object({
      redis: opt(ImageReference),
      prometheus: opt(ImageReference),
      jaeger: opt(ImageReference),
      phoenix: opt(ImageReference),
      vllm: opt(ImageReference),
    }),
  ),
  namespaces: opt(
    object({
      tierOne: opt(Namespace),
      tierTwo: opt(Namespace),
      controller: opt(Namespace),
      redis: opt(Namespace),
      observability: opt(Namespace),
    }),
  ),
  tierOne: opt(
    object({
      ...TIER,
      clients: opt(list(object({ name: Name, key: opt(SecretReference) }), 1000)),
      /** Everyone who reaches it may call it. */
      open: opt(Type.Boolean()),
      limits: opt(object({ mode: opt(oneOf(['exact', 'leases'])), failure: opt(oneOf(['open', 'closed'])) })),
    }),
  ),
  tierTwo: opt(
    object({ ...TIER, audience: opt(Name), open: opt(Type.Boolean()), address: opt(formed('host name or IPv4 address', DNS_NAME)) }),
  ),
  controller: opt(object({ replicas: opt(Count(1, 10)), resources: opt(Resources) })),
  providers: opt(list(Provider, 100)),
  models: opt(list(Model, 500)),
  redis: opt(
    object({
      mode: opt(oneOf(['none', 'in-cluster', 'external'])),
      url: opt(SecretReference),
      resources: opt(Resources),
      storage: opt(Quantity),
    }),
  ),
  observability: opt(
    object({
      prometheus: opt(object({ ...Observer, retention: opt(formed('duration of Prometheus, such as 15d', '^[0-9]+[hdwy]$')) })),
      jaeger: opt(observer()),
      phoenix: opt(observer()),
      traces: opt(oneOf(['phoenix', 'jaeger', 'none'])),
      contents: opt(Type.Boolean()),
      outsideAnnotations: opt(Strings(64)),
      dashboards: opt(Type.Boolean()),
      alerts: opt(Type.Boolean()),
      runbooks: opt(HttpUrl),
      operator: opt(object({ enabled: Type.Boolean(), labels: opt(Strings(16)) })),
    }),
  ),
  networkPolicies: opt(
    object({
      enabled: opt(Type.Boolean()),
      clients: opt(list(Cidr, 64, 1)),
      tierOne: opt(list(Cidr, 64, 1)),
      apiServer: opt(object({ cidrs: opt(list(Cidr, 16, 1)), ports: opt(list(PortNumber, 8, 1)) })),
      providers: opt(object({ cidrs: opt(list(Cidr, 64, 1)), except: opt(list(Cidr, 64)) })),
      monitoring: opt(list(Namespace, 16)),
    }),
  ),
  objectives: opt(Type.Boolean()),
  priorityClass: opt(ObjectName),
  storageClass: opt(ObjectName),
  crds: opt(list(Text, 32)),
});

/** What users write: everything that has a default may be left out. */
export type SettingsInput = Static<typeof Schema>;

/** Images of others stand together, so that a mirror is named in one place. */
function imageAt(name: string): string {
  return `this image is set with images.${name}, as one reference with its tag or digest`;
}

/** The settings as a kind of their own, so that they are checked, and their mistakes told, as those of resources are. */
export const SETTINGS = defineKind({
  kind: 'Settings',
  group: 'tierkit.dev',
  versions: ['v1alpha1'],
  namespaced: false,
  schema: Schema,
  refused: {
    'redis.image': imageAt('redis'),
    'observability.prometheus.image': imageAt('prometheus'),
    'observability.jaeger.image': imageAt('jaeger'),
    'observability.phoenix.image': imageAt('phoenix'),
  },
});
