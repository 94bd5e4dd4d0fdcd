import type { Report } from '../kind.ts';
import { Group, Namespace, object, ObjectName, oneOf, PortNumber, type Static, Type } from '../schema.ts';
import { ENVOY_GATEWAY_GROUP } from './group.ts';

const fields = {
  group: Type.Unsafe<string>({ ...Group, default: '' }),
  kind: oneOf(['Service', 'Backend'], { default: 'Service' }),
  name: ObjectName,
  namespace: Type.Optional(Namespace),
  /** Needed for a Service; a Backend has its own ports. */
  port: Type.Optional(PortNumber),
};

/** Names the Service or Backend that a policy calls. */
export const BackendRef = object(fields);
export type BackendRef = Static<typeof BackendRef>;

/** One of several, chosen in proportion to the weights. */
export const WeightedBackendRef = object({ ...fields, weight: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 1 }) });

export function checkBackendRef(ref: BackendRef, path: string, report: Report): void {
  const group = ref.kind === 'Backend' ? ENVOY_GATEWAY_GROUP : '';
  if (ref.group !== group) report(`${path}.group`, `must be "${group}" for a ${ref.kind}, not "${ref.group}"`);
  if (ref.kind === 'Service' && ref.port === undefined) report(`${path}.port`, 'is required for a Service');
}
