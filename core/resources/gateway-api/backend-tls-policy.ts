import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { Group, KindName, list, object, ObjectName, oneOf, SectionName, type Static, text, Type } from '../schema.ts';
import { LocalObjectReference } from './object-reference.ts';

const TargetReference = object({
  group: Group,
  kind: KindName,
  name: ObjectName,
  /** Name of a port, where the target is a Service. */
  sectionName: Type.Optional(SectionName),
});

/** How the gateway speaks TLS to a backend. */
export const BackendTLSPolicy = defineKind({
  kind: 'BackendTLSPolicy',
  group: 'gateway.networking.k8s.io',
  versions: ['v1', 'v1alpha3'],
  namespaced: true,
  schema: object({
    spec: object({
      targetRefs: list(TargetReference, 16, 1),
      validation: object({
        caCertificateRefs: Type.Optional(list(LocalObjectReference, 8)),
        /** Sent as server name (SNI), and what the certificate has to be for. */
        hostname: text(253, 1, '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'),
        wellKnownCACertificates: Type.Optional(oneOf(['System'])),
      }),
    }),
  }),
  refused: {
    'spec.options': 'no TLS setting of another implementation is known here',
    'spec.validation.subjectAltNames': 'the certificate of a backend is checked for validation.hostname alone',
  },
  rules({ spec }, report) {
    checkTargets(spec.targetRefs, report);
    const refs = spec.validation.caCertificateRefs ?? [];
    const wellKnown = spec.validation.wellKnownCACertificates;
    if (refs.length > 0 && wellKnown !== undefined) {
      report(
        'spec.validation',
        'has both caCertificateRefs and wellKnownCACertificates; one of them decides which certificates are trusted',
      );
    } else if (refs.length === 0 && wellKnown === undefined) {
      report('spec.validation', 'needs caCertificateRefs, or wellKnownCACertificates: System');
    }
    for (const [index, { group, kind }] of refs.entries()) {
      if (group === '' && (kind === 'ConfigMap' || kind === 'Secret')) continue;
      report(
        `spec.validation.caCertificateRefs[${index}]`,
        `certificates are read from a ConfigMap or a Secret (group ""), not from ${kind} of group "${group}"`,
      );
    }
  },
});
export type BackendTLSPolicy = ResourceOf<typeof BackendTLSPolicy>;

/** References to one target have to differ by section, and then each of them names one. */
function checkTargets(targets: readonly Static<typeof TargetReference>[], report: Report): void {
  for (const [index, target] of targets.entries()) {
    const earlier = targets
      .slice(0, index)
      .filter((other) => other.group === target.group && other.kind === target.kind && other.name === target.name);
    if (earlier.some((other) => other.sectionName === target.sectionName)) {
      report(`spec.targetRefs[${index}]`, `names ${target.kind} ${target.name} again; tell the references apart by sectionName`);
    } else if (earlier.some((other) => (other.sectionName === undefined) !== (target.sectionName === undefined))) {
      report(
        `spec.targetRefs[${index}].sectionName`,
        `must be set on every reference to ${target.kind} ${target.name}, or on a single one`,
      );
    }
  }
}
