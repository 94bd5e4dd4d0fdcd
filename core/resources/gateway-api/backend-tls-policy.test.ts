import { expect, it } from 'vitest';

import { problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { BackendTLSPolicy } from './backend-tls-policy.ts';

const TARGETS = 'targetRefs: [{group: "", kind: Service, name: a}]';
const SYSTEM = 'validation: {hostname: a.example.com, wellKnownCACertificates: System}';

it.each([
  ['the certificates of the system', `{${TARGETS}, ${SYSTEM}}`, []],
  [
    'certificates of one’s own',
    `{${TARGETS}, validation: {hostname: a.example.com, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}, {group: "", kind: Secret, name: ca}]}}`,
    [],
  ],
  [
    'both',
    `{${TARGETS}, validation: {hostname: a, wellKnownCACertificates: System, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}}`,
    [expect.stringMatching(/^spec\.validation: has both caCertificateRefs and wellKnownCACertificates/)],
  ],
  [
    'neither, as an empty list counts as none',
    `{${TARGETS}, validation: {hostname: a, caCertificateRefs: []}}`,
    ['spec.validation: needs caCertificateRefs, or wellKnownCACertificates: System'],
  ],
  [
    'names that the certificate may have',
    `{${TARGETS}, validation: {hostname: a, wellKnownCACertificates: System, subjectAltNames: [{type: URI, uri: "spiffe://a/b"}, {type: Hostname, hostname: "*.a"}]}}`,
    [],
  ],
  [
    'names that do not fit their type',
    `{${TARGETS}, validation: {hostname: a, wellKnownCACertificates: System, subjectAltNames: [{type: URI, hostname: a}, {type: Hostname, uri: "spiffe://a", hostname: a}, {type: URI, uri: a}]}}`,
    [expect.stringMatching(/^spec\.validation\.subjectAltNames\[2\]\.uri: /)],
  ],
  [
    'a name that its type does not have',
    `{${TARGETS}, validation: {hostname: a, wellKnownCACertificates: System, subjectAltNames: [{type: URI, hostname: a}]}}`,
    [
      'spec.validation.subjectAltNames[0].uri: is required, as the type is URI',
      'spec.validation.subjectAltNames[0].hostname: is not for the type URI',
    ],
  ],
  [
    'well-known certificates of another implementation',
    `{${TARGETS}, validation: {hostname: a, wellKnownCACertificates: example.com/Corporate}}`,
    ['spec.validation.wellKnownCACertificates: must be one of System, not "example.com/Corporate"'],
  ],
  [
    'a wildcard',
    `{${TARGETS}, validation: {hostname: "*.a.com", wellKnownCACertificates: System}}`,
    [expect.stringMatching(/^spec\.validation\.hostname: /)],
  ],
  [
    'what is refused',
    `{${TARGETS}, options: {a/b: c}, validation: {hostname: a, wellKnownCACertificates: System}}`,
    ['spec.options: is not supported: no TLS setting of another implementation is known here'],
  ],
  [
    'two ports of one Service, and another Service',
    `{targetRefs: [{group: "", kind: Service, name: a, sectionName: x}, {group: "", kind: Service, name: a, sectionName: y}, {group: "", kind: Service, name: b}], ${SYSTEM}}`,
    [],
  ],
  [
    'one target twice',
    `{targetRefs: [{group: "", kind: Service, name: a}, {group: "", kind: Service, name: a}], ${SYSTEM}}`,
    ['spec.targetRefs[1]: names Service a again; tell the references apart by sectionName'],
  ],
  [
    'one port twice',
    `{targetRefs: [{group: "", kind: Service, name: a, sectionName: x}, {group: "", kind: Service, name: a, sectionName: x}], ${SYSTEM}}`,
    ['spec.targetRefs[1]: names Service a again; tell the references apart by sectionName'],
  ],
  [
    'a port and the whole',
    `{targetRefs: [{group: "", kind: Service, name: a}, {group: "", kind: Service, name: a, sectionName: x}], ${SYSTEM}}`,
    ['spec.targetRefs[1].sectionName: must be set on every reference to Service a, or on a single one'],
  ],
  ['no target', `{targetRefs: [], ${SYSTEM}}`, ['spec.targetRefs: must NOT have fewer than 1 items, not []']],
])('%s', (_name, yaml, problems) => {
  expect(problemsOfSpec(BackendTLSPolicy, yaml)).toEqual(problems);
});
