import { defineKind, type ResourceOf } from '../kind.ts';
import { object, Type } from '../schema.ts';
import { VersionedAPISchema } from './api-schema.ts';
import { BackendObjectRef } from './backend-ref.ts';
import { AI_GATEWAY_GROUP, AI_GATEWAY_VERSIONS } from './group.ts';
import { BodyMutation, checkMutations, HeaderMutation } from './mutation.ts';

/** A model provider: where it is and which API it speaks. */
export const AIServiceBackend = defineKind({
  kind: 'AIServiceBackend',
  group: AI_GATEWAY_GROUP,
  versions: AI_GATEWAY_VERSIONS,
  namespaced: true,
  schema: object({
    spec: object({
      schema: VersionedAPISchema,
      backendRef: BackendObjectRef,
      headerMutation: Type.Optional(HeaderMutation),
      bodyMutation: Type.Optional(BodyMutation),
    }),
  }),
  refused: {},
  rules: ({ spec }, report) => {
    const { group, kind } = spec.backendRef;
    // That a Service needs a port is a rule of the CRD too; this one leaves it nothing to say.
    if (group !== 'gateway.envoyproxy.io' || kind !== 'Backend') {
      const given = `${kind} of ${group === '' ? 'the core group' : group}`;
      report('spec.backendRef', `must be a Backend of gateway.envoyproxy.io, not ${given}; set group and kind`);
    }
    checkMutations(spec, 'spec', report);
  },
});
export type AIServiceBackend = ResourceOf<typeof AIServiceBackend>;
