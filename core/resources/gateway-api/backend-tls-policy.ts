import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { Group, Hostname, KindName, list, object, ObjectName, oneOf, SectionName, type Static, text, Type } from '../schema.ts';
import { LocalObjectReference } from './object-reference.ts';

const SubjectAltName = object({
  type: oneOf(['Hostname', 'URI']),
  hostname: Type.Optional(Hostname),
  /** Such as a SPIFFE ID. */
  uri: Type.Optional(text(253, 1, '^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\\?([^#]*))?(#(.*))?')),
});

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
        /** Sent as server name (SNI), and what the certificate has to be for where there are no `subjectAltNames`. */
        hostname: text(253, 1, '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'),
        /** The certificate has to have one of them. */
        subjectAltNames: Type.Optional(list(SubjectAltName, 5)),
        wellKnownCACertificates: Type.Optional(oneOf(['System'])),
      }),
    }),
  }),
  refused: {
    'spec.options': 'no TLS setting of another implementation is known here',
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
    for (const [index, name] of (spec.validation.subjectAltNames ?? []).entries())
      checkAltName(name, `spec.validation.subjectAltNames[${index}]`, report);
  },
});
export type BackendTLSPolicy = ResourceOf<typeof BackendTLSPolicy>;

function checkAltName({ type, hostname, uri }: Static<typeof SubjectAltName>, path: string, report: Report): void {
  const [wanted, given, other] = type === 'Hostname' ? ['hostname', hostname, uri] : ['uri', uri, hostname];
  if (given === undefined) report(`${path}.${wanted}`, `is required, as the type is ${type}`);
  if (other !== undefined) report(`${path}.${wanted === 'uri' ? 'hostname' : 'uri'}`, `is not for the type ${type}`);
}

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
