import type { Report } from '../kind.ts';
import { Group, KindName, Namespace, object, ObjectName, PortNumber, type Static, Type } from '../schema.ts';
import { withDefault } from './collections.ts';

/** Fields of a BackendObjectReference, for shapes that add their own. */
export const backendObjectReferenceFields = {
  group: withDefault(Group, ''),
  kind: withDefault(KindName, 'Service'),
  name: ObjectName,
  namespace: Type.Optional(Namespace),
  port: Type.Optional(PortNumber),
};

/** What a request is sent to: a Service unless `group` and `kind` say otherwise. */
export const BackendObjectReference = object(backendObjectReferenceFields);
export type BackendObjectReference = Static<typeof BackendObjectReference>;

/** A Service has many ports (CEL rule of BackendObjectReference). */
export function checkBackendPort(reference: BackendObjectReference, path: string, report: Report): void {
  if (reference.group === '' && reference.kind === 'Service' && reference.port === undefined) {
    report(`${path}.port`, `is required, as ${reference.name} is a Service`);
  }
}
