import { checkName, checkObjectName, type Problem, problemsOf, type Refuse, refuser } from './refusal.ts';
import { checkUri } from './storage-uri.ts';

/** Weights that nodes keep, so that pods start without loading them. Models with the same URI find it by themselves. */
export interface LocalModelCacheOptions {
  readonly name: string;
  /** `hf://OWNER/MODEL` or `s3://BUCKET/PATH`. It cannot be changed later: other weights are another cache. */
  readonly uri: string;
  /** No less than what the weights take, such as `16Gi`; it has to fit into the limit of each node group. */
  readonly size: string;
  /** LocalModelNodeGroups; those of a cluster are made by who knows its disks. */
  readonly nodeGroups: readonly string[];
  /** With credentials of the storage. @default that of the namespace that the download runs in */
  readonly serviceAccount?: string;
}

/** `serving.kserve.io/v1alpha1`, of the whole cluster. */
export type LocalModelCache = {
  readonly apiVersion: 'serving.kserve.io/v1alpha1';
  readonly kind: 'LocalModelCache';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly sourceModelUri: string;
    readonly modelSize: string;
    readonly nodeGroups: readonly string[];
    readonly serviceAccountName?: string;
  };
};

const SIZE = /^\d+(\.\d+)?([kMGTPE]|[KMGTPE]i)?$/;

/** Pure. @throws ChartError */
export function localModelCache(options: LocalModelCacheOptions): LocalModelCache {
  return build(options, refuser(`LocalModelCache ${options.name}`));
}

/** Everything for which {@link localModelCache} would refuse options, where that one ends with the first. */
export function localModelCacheProblems(options: LocalModelCacheOptions): Problem[] {
  return problemsOf((refuse) => build(options, refuse));
}

function build({ name, uri, size, nodeGroups, serviceAccount }: LocalModelCacheOptions, refuse: Refuse): LocalModelCache {
  checkName(name, 'metadata.name', refuse);
  // What is in a volume or an image of the cluster already has nothing to be loaded from.
  checkUri(uri, ['hf', 's3'], 'spec.sourceModelUri', refuse);
  if (!SIZE.test(size) || Number.parseFloat(size) === 0)
    refuse('spec.modelSize', `${JSON.stringify(size)} is no quantity above 0 such as 16Gi`);
  if (nodeGroups.length === 0) refuse('spec.nodeGroups', 'is empty: no node would keep it');
  for (const [index, group] of nodeGroups.entries()) {
    checkObjectName(group, `spec.nodeGroups[${index}]`, refuse);
    const first = nodeGroups.indexOf(group);
    if (first !== index) refuse(`spec.nodeGroups[${index}]`, `${JSON.stringify(group)} is also nodeGroups[${first}]`);
  }
  return {
    apiVersion: 'serving.kserve.io/v1alpha1',
    kind: 'LocalModelCache',
    metadata: { name },
    spec: {
      sourceModelUri: uri,
      modelSize: size,
      nodeGroups,
      ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount }),
    },
  };
}
