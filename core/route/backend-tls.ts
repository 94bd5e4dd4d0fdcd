import type { OriginTls } from '../http/origin.ts';
import type { SubjectAltName } from '../http/server-identity.ts';
import { Backend } from '../resources/envoy-gateway/backend.ts';
import { ENVOY_GATEWAY_GROUP } from '../resources/envoy-gateway/group.ts';
import { BackendTLSPolicy } from '../resources/gateway-api/backend-tls-policy.ts';
import { bornAt, type GroupKind, nameOf } from '../resources/kind.ts';
import { Service } from '../resources/kubernetes/service.ts';
import { didYouMean } from '../resources/nearest.ts';
import { authoritiesOf } from './authorities.ts';
import type { Scope } from './scope.ts';

type TargetRef = BackendTLSPolicy['body']['spec']['targetRefs'][number];

/** What a policy may be for. */
export interface TlsTarget extends GroupKind {
  readonly namespace: string;
  readonly name: string;
  /** Name of a Service's port. */
  readonly section: string | undefined;
}

/** Reports what a BackendTLSPolicy is for and is not there: its author believes that a backend is called with TLS. */
export function checkTlsPolicies(scope: Scope): void {
  for (const policy of scope.set.all(BackendTLSPolicy)) {
    for (const [index, ref] of policy.body.spec.targetRefs.entries()) {
      const path = `spec.targetRefs[${index}]`;
      if (!isThere(policy, ref, path, scope)) continue;
      const owner = ownersOf(scope).get(keyOf(targetOf(policy, ref)))!;
      if (owner !== policy) scope.report(policy, path, `${nameOf(owner)} (${owner.source.file}) targets it already`, 'Conflicted');
    }
    // In a cluster a policy may be for what other implementations serve: its certificates are read when one of our routes leads there.
    if (!scope.shared) tlsOf(policy, scope);
  }
}

function isThere(policy: BackendTLSPolicy, ref: TargetRef, path: string, scope: Scope): boolean {
  const { namespace } = policy.metadata;
  const isBackend = ref.group === ENVOY_GATEWAY_GROUP && ref.kind === 'Backend';
  if (!isBackend && !(ref.group === '' && ref.kind === 'Service')) {
    scope.report(policy, `${path}.kind`, `must be a Service, or a Backend of ${ENVOY_GATEWAY_GROUP}, not ${ref.kind} of "${ref.group}"`);
    return false;
  }
  const target = scope.set.get(isBackend ? Backend : Service, namespace, ref.name);
  if (target === undefined) {
    scope.report(policy, `${path}.name`, scope.references.missing(ref.kind, namespace, ref.name));
    return false;
  }
  if (ref.sectionName === undefined) return true;
  const ports = isBackend ? [] : ((target as Service).body.spec.ports ?? []).flatMap((port) => port.name ?? []);
  if (ports.includes(ref.sectionName)) return true;
  const message = `${ref.kind} ${namespace}/${ref.name} has no port called "${ref.sectionName}"`;
  scope.report(policy, `${path}.sectionName`, `${message}${didYouMean(ref.sectionName, ports)}`);
  return false;
}

/** @returns `broken` where the policy has problems: a backend that is to be verified is not called unverified */
export function backendTlsOf(target: TlsTarget, scope: Scope): OriginTls | 'broken' | undefined {
  const { kind, namespace, name } = target;
  const invalid = scope.set
    .invalidTargets(BackendTLSPolicy)
    .some((each) => each.namespace === namespace && each.kind === kind && each.name === name);
  if (invalid) return 'broken';
  const owners = ownersOf(scope);
  const policy = owners.get(keyOf(target)) ?? owners.get(keyOf({ ...target, section: undefined }));
  return policy === undefined ? undefined : tlsOf(policy, scope);
}

function tlsOf(policy: BackendTLSPolicy, scope: Scope): OriginTls | 'broken' {
  const { hostname, caCertificateRefs = [], subjectAltNames } = policy.body.spec.validation;
  const place = { from: policy, path: 'spec.validation.caCertificateRefs', otherKind: 'InvalidKind' } as const;
  const ca = caCertificateRefs.length === 0 ? undefined : authoritiesOf(caCertificateRefs, place, scope);
  // Those that are good are trusted; without one nobody is.
  if (ca === '') return 'broken';
  const names = subjectAltNames === undefined || subjectAltNames.length === 0 ? {} : { subjectAltNames: subjectAltNames.map(altName) };
  return { serverName: hostname, ...names, ca, certificate: undefined, key: undefined, skipVerify: false };
}

type AltName = NonNullable<BackendTLSPolicy['body']['spec']['validation']['subjectAltNames']>[number];

function altName({ type, hostname, uri }: AltName): SubjectAltName {
  return { type, value: type === 'Hostname' ? hostname! : uri! };
}

/** By the list of the policies: it is the same one as long as they are. */
const OWNERS = new WeakMap<object, ReadonlyMap<string, BackendTLSPolicy>>();

/** Of several policies for one target the oldest holds, of those the first by name (GEP-713). */
function ownersOf({ set }: Scope): ReadonlyMap<string, BackendTLSPolicy> {
  const policies = set.list(BackendTLSPolicy);
  const known = OWNERS.get(policies);
  if (known !== undefined) return known;
  const owners = new Map<string, BackendTLSPolicy>();
  for (const policy of policies.toSorted((a, b) => bornAt(a) - bornAt(b) || (nameOf(a) < nameOf(b) ? -1 : 1))) {
    for (const ref of policy.body.spec.targetRefs) {
      const key = keyOf(targetOf(policy, ref));
      if (!owners.has(key)) owners.set(key, policy);
    }
  }
  OWNERS.set(policies, owners);
  return owners;
}

function targetOf({ metadata: { namespace } }: BackendTLSPolicy, { group, kind, name, sectionName }: TargetRef): TlsTarget {
  return { group, kind, namespace, name, section: sectionName };
}

function keyOf({ group, kind, namespace, name, section }: TlsTarget): string {
  return JSON.stringify([group, kind, namespace, name, section]);
}
