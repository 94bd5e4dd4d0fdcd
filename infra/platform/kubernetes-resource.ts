import * as pulumi from '@pulumi/pulumi';

/** An object of Kubernetes. Its kind, namespace and name are plain, as resources are known by them; the rest may come later. */
export interface ObjectArgs {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: pulumi.Input<unknown>;
}

/** Readiness of pods takes as long as their images; the provider's own ten minutes are too long to look at a wrong image. */
const TIMEOUTS: pulumi.CustomTimeouts = { create: '5m', update: '5m', delete: '5m' };

/** One object in one cluster: what the class of its kind in `@pulumi/kubernetes` would register. Custom kinds have no class there. */
export class KubernetesResource extends pulumi.CustomResource {
  constructor(name: string, object: ObjectArgs, opts: pulumi.CustomResourceOptions) {
    super(typeToken(object), name, contentOf(object), {
      customTimeouts: TIMEOUTS,
      ...(isSecret(object) ? { additionalSecretOutputs: ['data', 'stringData'] } : {}),
      ...opts,
    });
  }
}

/** `kubernetes:apps/v1:Deployment`, `kubernetes:core/v1:Service`: the tokens of `@pulumi/kubernetes`, so that its classes can take over. */
function typeToken({ apiVersion, kind }: Pick<ObjectArgs, 'apiVersion' | 'kind'>): string {
  return `kubernetes:${apiVersion.includes('/') ? apiVersion : `core/${apiVersion}`}:${kind}`;
}

/** `Deployment/tierkit-system/tier-one`, `Namespace/team-a`. */
export function pathOfObject({ kind, metadata: { namespace, name } }: Pick<ObjectArgs, 'kind' | 'metadata'>): string {
  return [kind, namespace, name].filter((part) => part !== undefined).join('/');
}

function isSecret({ apiVersion, kind }: ObjectArgs): boolean {
  return apiVersion === 'v1' && kind === 'Secret';
}

/** Contents of a Secret are encrypted in the state of the stack, wherever they come from. */
function contentOf(object: ObjectArgs): pulumi.Inputs {
  if (!isSecret(object)) return { ...object };
  const { data, stringData } = object;
  return {
    ...object,
    ...(data === undefined ? {} : { data: pulumi.secret(data) }),
    ...(stringData === undefined ? {} : { stringData: pulumi.secret(stringData) }),
  };
}
