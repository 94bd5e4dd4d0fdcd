import { defineKind, type ResourceOf } from '../kind.ts';
import { map, reportRepeated, withDefault } from '../gateway-api/collections.ts';
import { Group, KindName, list, object, ObjectName, oneOf, PortNumber, text, Type } from '../schema.ts';

const Port = object({ number: PortNumber });

/** Pods that serve the same models, and the endpoint picker that chooses among them. */
export const InferencePool = defineKind({
  kind: 'InferencePool',
  group: 'inference.networking.k8s.io',
  versions: ['v1'],
  namespaced: true,
  schema: object({
    spec: object({
      selector: object({
        matchLabels: map(text(63, 0, '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$'), { minProperties: 1, maxProperties: 64 }),
      }),
      /** Each port of a pod is an endpoint of its own. */
      targetPorts: list(Port, 8, 1),
      appProtocol: oneOf(['http', 'kubernetes.io/h2c'], { default: 'http' }),
      endpointPickerRef: Type.Optional(
        object({
          group: withDefault(Group, ''),
          kind: withDefault(KindName, 'Service'),
          name: ObjectName,
          port: Type.Optional(Port),
          /** What happens to requests when the picker cannot be reached: sent to any endpoint (open), or refused (close). */
          failureMode: oneOf(['FailOpen', 'FailClose'], { default: 'FailClose' }),
        }),
      ),
    }),
  }),
  refused: {},
  rules({ spec }, report) {
    reportRepeated(
      spec.targetPorts,
      (port) => String(port.number),
      (index) => `spec.targetPorts[${index}].number`,
      (port) => `port ${port.number} stands here twice`,
      report,
    );
    const picker = spec.endpointPickerRef;
    if (picker?.kind === 'Service' && picker.port === undefined) {
      report('spec.endpointPickerRef.port', `is required, as ${picker.name} is a Service`);
    }
  },
});
export type InferencePool = ResourceOf<typeof InferencePool>;
