import type { Report } from '../kind.ts';
import { Group, KindName, Namespace, object, ObjectName, PortNumber, type Static, Type } from '../schema.ts';
import { count } from './number.ts';

/** Fields of a reference to a Service or to a Backend of Envoy Gateway. */
export const backendObject = {
  group: Type.String({ ...Group, default: '' }),
  kind: Type.String({ ...KindName, default: 'Service' }),
  namespace: Type.Optional(Namespace),
  name: ObjectName,
  port: Type.Optional(PortNumber),
};

/** One destination. */
export const BackendObjectRef = object(backendObject);
export type BackendObjectRef = Static<typeof BackendObjectRef>;

/** One of several destinations. */
export const WeightedBackendRef = object({
  ...backendObject,
  weight: count(1, 1_000_000),
  fallback: Type.Optional(Type.Boolean()),
});

/** A Service is reached at one of its ports. */
export function checkServicePort(ref: BackendObjectRef | undefined, path: string, report: Report): void {
  if (ref === undefined) return;
  if (ref.group === '' && ref.kind === 'Service' && ref.port === undefined) report(`${path}.port`, 'is required when kind is Service');
}
