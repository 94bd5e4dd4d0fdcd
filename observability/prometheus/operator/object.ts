/** An object of the Prometheus operator (`monitoring.coreos.com/v1`), as `kubectl apply` takes it. */
export interface OperatorObject<Kind extends string, Spec> {
  readonly apiVersion: 'monitoring.coreos.com/v1';
  readonly kind: Kind;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: Spec;
}

export interface ObjectOptions {
  readonly name?: string;
  /** @default that of the client that applies it */
  readonly namespace?: string;
  /** Labels of the object, such as the `release` that a Prometheus goes by (its `podMonitorSelector` and the like), beside our own. */
  readonly labels?: Readonly<Record<string, string>>;
}

export function operatorObject<Kind extends string, Spec>(
  kind: Kind,
  name: string,
  { namespace, labels }: ObjectOptions,
  spec: Spec,
): OperatorObject<Kind, Spec> {
  const ours = { 'app.kubernetes.io/name': 'tierkit', 'app.kubernetes.io/component': 'monitoring' };
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels: { ...ours, ...labels } },
    spec,
  };
}
