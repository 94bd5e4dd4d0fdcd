import type { Lora } from '../../kserve/charts/model.ts';
import type { Parallelism } from '../../kserve/charts/parallelism.ts';
import type { Toleration } from '../../kserve/charts/pod.ts';
import type { HpaActuator, KedaActuator, Scaling } from '../../kserve/charts/scaling.ts';

/** A finished description of a platform: every default is filled in. {@link readSettings} makes it. */
export interface Settings {
  /** What the defaults were taken from. */
  readonly size: Size;
  readonly topology: Topology;
  /** Value of `app.kubernetes.io/instance`. */
  readonly instance: string;
  /** Where the clusters are. In `one-cluster` both are the same. */
  readonly clusters: Readonly<Record<ClusterName, Cluster>>;
  readonly image: Image;
  /** References of images of others. */
  readonly images: Images;
  readonly namespaces: Namespaces;
  readonly tierOne: TierOne;
  readonly tierTwo: TierTwo;
  readonly controller: Controller;
  readonly providers: readonly Provider[];
  readonly models: readonly Model[];
  readonly redis: Redis;
  readonly observability: Observability;
  readonly networkPolicies: NetworkPolicies;
  /** Whether teams get InferenceObjectives, by which requests say how urgent they are: the CRD of llm-d has to be there. */
  readonly objectives: boolean;
  /** Of all pods of the platform, but for those of models. Absent: the cluster's default. */
  readonly priorityClass?: string;
  /** Of all volumes. Absent: the cluster's default. */
  readonly storageClass?: string;
  /** CRDs that are installed before everything else: paths or https URLs of YAML. Empty: they are there already. */
  readonly crds: readonly string[];
}

export type Size = 'dev' | 'small' | 'production';
export type Topology = 'one-cluster' | 'two-clusters';
export type ClusterName = 'gateway' | 'model';

export interface Cluster {
  /** A file. Absent: `KUBECONFIG`, or `~/.kube/config`. */
  readonly kubeconfig?: string;
  /** Absent: the current one. */
  readonly context?: string;
}

/** The image of Tierkit. */
export interface Image {
  /** Without tag and digest. */
  readonly name: string;
  readonly tag?: string;
  /** `sha256:…`; it decides where there is a tag as well. */
  readonly digest?: string;
  readonly pullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** Names of Secrets in the namespaces of the pods. */
  readonly pullSecrets: readonly string[];
}

export interface Images {
  readonly redis: string;
  readonly prometheus: string;
  readonly jaeger: string;
  readonly phoenix: string;
  readonly vllm: string;
}

/** Each part has one of its own. */
export interface Namespaces {
  readonly tierOne: string;
  readonly tierTwo: string;
  readonly controller: string;
  readonly redis: string;
  readonly observability: string;
}

/** What a container asks for. */
export interface Resources {
  /** Quantity: request. There is no limit: a proxy that is throttled makes every request slower. */
  readonly cpu: string;
  /** Quantity: request and limit. */
  readonly memory: string;
}

export interface Tier {
  /** Pods, where they are not scaled. */
  readonly replicas: number;
  readonly resources: Resources;
  readonly autoscaling: Autoscaling;
  /** Seconds that streams under way have to end, once a pod is to stop. */
  readonly drainSeconds: number;
  readonly accessLog: boolean;
  readonly exposure: Exposure;
}

export interface TierOne extends Tier {
  /** Apps with keys of their own. Empty: everyone who reaches it may call it. */
  readonly clients: readonly Client[];
  readonly limits: { readonly mode: 'exact' | 'leases'; readonly failure: 'open' | 'closed' };
  /** Secrets, besides those of these settings, that resources of its namespace may name. */
  readonly readsSecrets: readonly string[];
}

export interface TierTwo extends Tier {
  /** What tier one signs its requests for. */
  readonly audience: string;
  /** Requests need no token of tier one: whoever reaches it may call it, such as a gateway of others. */
  readonly open: boolean;
  /** In `two-clusters`: where tier one reaches it, if that is known beforehand. Absent: the address that its Gateway gets. */
  readonly address?: string;
  readonly readsSecrets: readonly string[];
}

export interface Controller {
  readonly replicas: number;
  readonly resources: Resources;
}

export type Autoscaling =
  | { readonly by: 'none' }
  /** HorizontalPodAutoscaler: by CPU, and by requests under way where Prometheus adapter serves `metric` of pods. */
  | (Scale & { readonly by: 'hpa'; readonly inFlight?: { readonly metric: string; readonly target: number } })
  /** ScaledObject of KEDA: by CPU, and by requests under way, asked of the Prometheus at `prometheus`. */
  | (Scale & { readonly by: 'keda'; readonly inFlight?: { readonly prometheus: string; readonly target: number } });

interface Scale {
  readonly min: number;
  readonly max: number;
  /** Percent of the request for CPU that is aimed at. */
  readonly cpuPercent: number;
}

export interface Exposure {
  readonly type: 'LoadBalancer' | 'ClusterIP' | 'NodePort';
  /** Of the Gateway, and of its Service. */
  readonly port: number;
  readonly tls?: Tls;
  /** Of the Service, such as those that ask for an internal load balancer. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Tls {
  /** What the certificate is for, and what clients connect to. */
  readonly hostname: string;
  /** A Secret of type `kubernetes.io/tls` in the namespace of the tier; with an issuer, the one that is made. */
  readonly secret: string;
  /** Of cert-manager, which then makes the certificate. */
  readonly issuer?: { readonly kind: 'Issuer' | 'ClusterIssuer'; readonly name: string };
  /** Of tier two: ConfigMap with `ca.crt` in tier one’s namespace that its certificate is verified with. Absent: the system’s. */
  readonly caConfigMap?: string;
}

export interface Client {
  readonly name: string;
  /** Absent: a key is generated. */
  readonly key?: SecretReference;
}

/** Where the value of a secret comes from. None of it is ever in the settings. */
export type SecretReference =
  /** A key of Pulumi's configuration: `pulumi config set --secret KEY`. */
  | { readonly from: 'config'; readonly key: string }
  /** A file on the machine that runs Pulumi; white space at its end is cut. */
  | { readonly from: 'file'; readonly path: string }
  /** A Secret that is there already, or that others make, in the namespace that needs it. */
  | { readonly from: 'existing'; readonly secret: string }
  /** An ExternalSecret of the External Secrets Operator is made, which makes the Secret. */
  | { readonly from: 'external'; readonly store: string; readonly storeKind: 'SecretStore' | 'ClusterSecretStore'; readonly key: string };

export type ProviderApi = 'OpenAI' | 'Anthropic' | 'AzureOpenAI' | 'Cohere';

export interface Provider {
  readonly name: string;
  readonly api: ProviderApi;
  readonly hostname: string;
  readonly port: number;
  /** False: plain HTTP, for one within the cluster. */
  readonly tls: boolean;
  /** What the paths of its API begin with. */
  readonly prefix?: string;
  readonly version?: string;
  /** Absent: it asks for none. */
  readonly key?: SecretReference;
  readonly models: readonly ProviderModel[];
}

export interface ProviderModel {
  /** What the provider calls it. */
  readonly name: string;
  /** What apps call it at tier one. */
  readonly as: string;
}

export type Runtime = 'simulator' | 'vllm' | 'kserve';

export interface Model {
  readonly namespace: string;
  /** Of the InferencePool and its pods, with the version behind it where there is one. */
  readonly name: string;
  /** What the pods call it. */
  readonly model: string;
  /** What apps call it at tier one, the first of them by preference. */
  readonly routes: readonly string[];
  readonly runtime: Runtime;
  /** Pods, or for KServe groups of pods, where `kserve.scaling` does not decide. 0 puts a model to rest. */
  readonly replicas: number;
  readonly picker: 'built-in' | 'epp';
  /** Names of adapters that apps may call in place of the model; those of KServe are `kserve.lora.adapters`. */
  readonly loras: readonly string[];
  readonly resources: Resources;
  /** GPUs of each pod; none of the simulator. For KServe, absent: as many as `kserve.parallelism` takes. */
  readonly gpus: number;
  /** Where the weights are: `hf://…`, `pvc://…`, `s3://…`; for vLLM the name that it takes. */
  readonly source?: string;
  /** Secret of the namespace with `token`: for weights that are not public. */
  readonly tokenSecret?: string;
  /** Of the pods. Absent: that of Tierkit for the simulator, `images.vllm`, what KServe takes. */
  readonly image?: string;
  /** Of the simulator: how many times faster than in reality. */
  readonly speed: number;
  readonly args: readonly string[];
  /** What the pods are, once a release has ended. Absent: the first version. */
  readonly version?: string;
  /** A version that is to take the place of this one, and stands beside it meanwhile. */
  readonly release?: Release;
  /** Of runtime `kserve`, and there always. */
  readonly kserve?: KServe;
}

/**
 * What KServe is told besides, by `LLMInferenceService` v1alpha2 (KServe v0.20). With `prefill` the model's own pods decode.
 * @see {@link ../../kserve/charts/llm-inference-service.ts}
 */
export interface KServe extends KServePlacement {
  /** In place of `replicas`. */
  readonly scaling?: KServeScaling;
  /** Absent `tensor`: every GPU of a pod. */
  readonly parallelism: Parallelism;
  /** All nodes of a replica but the first; there where parallelism takes several. */
  readonly workers?: KServePods;
  /** Pods that only read prompts; needs `picker: epp`, whose picker knows of them. */
  readonly prefill?: KServePrefill;
  /** Adapters that are loaded with the model. Their names are routed at both tiers. */
  readonly lora?: Lora;
  readonly cache?: KServeCache;
}

/** Which nodes the pods come to: those of workers as their first. */
export interface KServePlacement {
  /** Labels of the nodes. Absent: any. */
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
}

/**
 * Replicas as the Workload Variant Autoscaler of llm-d asks for them, brought about by an HPA or by KEDA: that controller, and the
 * Prometheus adapter or KEDA, have to be there. At least 1: the CRD knows no scaling to zero.
 */
export type KServeScaling = KServeScale & (({ readonly by: 'hpa' } & HpaActuator) | ({ readonly by: 'keda' } & KedaActuator));

interface KServeScale extends Pick<Scaling, 'variantCost'> {
  readonly min: number;
  readonly max: number;
}

/** What each pod asks for. */
export interface KServePods {
  readonly resources: Resources;
  readonly gpus: number;
}

/** What is absent, but for scaling, parallelism and workers, is as the model has it. */
export interface KServePrefill extends KServePods, KServePlacement {
  /** Where `scaling` does not decide. */
  readonly replicas: number;
  /** By the same as that of the model. */
  readonly scaling?: KServeScaling;
  readonly parallelism: Parallelism;
  readonly workers?: KServePods;
}

/** A LocalModelCache, of the whole cluster: nodes keep the weights, so that pods start without loading them. From `hf://` and `s3://`. */
export interface KServeCache {
  /** Quantity: no less than what the weights take. */
  readonly size: string;
  /** LocalModelNodeGroups, which who knows the disks has made. */
  readonly nodeGroups: readonly string[];
  /** With credentials of the storage, in the namespace that downloads run in. Absent: that one's default. */
  readonly serviceAccount?: string;
}

/** What is absent is as the model has it. */
export interface Release {
  /** Behind the names of its pool and pods. */
  readonly version: string;
  /** Percent of the requests that it gets. */
  readonly weight: number;
  readonly replicas?: number;
  readonly source?: string;
  readonly image?: string;
  readonly args?: readonly string[];
}

export type Redis =
  | { readonly mode: 'none' }
  | { readonly mode: 'in-cluster'; readonly resources: Resources; readonly storage: string }
  /** A Secret with `url` (`rediss://…`). */
  | { readonly mode: 'external'; readonly url: SecretReference };

export type Observer = { readonly mode: 'off' } | InClusterObserver | { readonly mode: 'external'; readonly endpoint: string };

export interface InClusterObserver {
  readonly mode: 'in-cluster';
  readonly resources: Resources;
  /** Size of its volume. Absent: what it knows is lost with its pod. */
  readonly storage?: string;
}

export interface Observability {
  /** External: base URL of its API, for KEDA and Grafana. */
  readonly prometheus: Observer & {
    /** Days and the like that samples are kept, such as `15d`. */
    readonly retention: string;
  };
  /** External: base URL of an OTLP receiver (HTTP). */
  readonly jaeger: Observer;
  readonly phoenix: Observer;
  /** Which of the two the tiers send their traces to. A Jaeger in the cluster hands on to Phoenix what it takes. */
  readonly traces: 'phoenix' | 'jaeger' | 'none';
  /** Annotations of the load balancer by which the model cluster sends its traces, in `two-clusters`. */
  readonly outsideAnnotations: Readonly<Record<string, string>>;
  /** Whether prompts and answers are in the traces. */
  readonly contents: boolean;
  /** ConfigMaps with dashboards, which the sidecar of Grafana's chart collects. */
  readonly dashboards: boolean;
  /** Alerts, and the recordings that they go by. */
  readonly alerts: boolean;
  /** Address of the folder of runbooks. */
  readonly runbooks?: string;
  /** Objects of the Prometheus operator, which is there: PodMonitor, PrometheusRule. */
  readonly operator: false | { readonly labels: Readonly<Record<string, string>> };
}

export interface NetworkPolicies {
  readonly enabled: boolean;
  /** Who may connect to tier one: CIDRs. */
  readonly clients: readonly string[];
  /** Where tier one comes from, as the model cluster sees it, in `two-clusters`: CIDRs. */
  readonly tierOne: readonly string[];
  /** Where the API server is, as pods reach it. */
  readonly apiServer: { readonly cidrs: readonly string[]; readonly ports: readonly number[] };
  /** Where providers may be. */
  readonly providers: { readonly cidrs: readonly string[]; readonly except: readonly string[] };
  /** Namespaces whose pods may scrape metrics, besides our own Prometheus. */
  readonly monitoring: readonly string[];
}
