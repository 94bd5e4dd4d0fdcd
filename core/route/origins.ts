import { isIP } from 'node:net';

import type { ConnectionSettings } from '../http/client.ts';
import { hostHeader, type Origin, type OriginTls } from '../http/origin.ts';
import { Backend } from '../resources/envoy-gateway/backend.ts';
import { BackendTLSPolicy } from '../resources/gateway-api/backend-tls-policy.ts';
import { kindOf } from '../resources/references.ts';
import { nameOf, type Resource } from '../resources/kind.ts';
import { ConfigMap } from '../resources/kubernetes/config-map.ts';
import { Secret } from '../resources/kubernetes/secret.ts';
import { secretData } from '../resources/kubernetes/secret-data.ts';
import { Service, type ServicePort } from '../resources/kubernetes/service.ts';
import { didYouMean } from '../resources/nearest.ts';
import type { Reason } from '../resources/reason.ts';

import type { Scope } from './scope.ts';

/** A reference to what requests are sent to. */
export interface BackendRef {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
  readonly namespace?: string;
  readonly port?: number;
}

/** Where a reference leads. */
export interface Origins {
  /** `namespace/name` of the Backend or Service. */
  readonly name: string;
  readonly origins: readonly Origin[];
  /** Backend `fallback`: used when the backends beside it fail. */
  readonly fallback: boolean;
}

const BACKEND_GROUP = 'gateway.envoyproxy.io';

/**
 * The addresses behind a reference to a Backend or a Service. Without TLS settings of its own or a BackendTLSPolicy a backend is
 * called in plain HTTP, as in the reference.
 * @returns undefined after a report
 */
export function originsOf(ref: BackendRef, from: Resource, path: string, scope: Scope): Origins | undefined {
  const namespace = ref.namespace ?? from.metadata.namespace;
  const target = { group: ref.group ?? '', kind: ref.kind ?? 'Service' };
  const { references } = scope;
  if (!((target.group === BACKEND_GROUP && target.kind === 'Backend') || (target.group === '' && target.kind === 'Service'))) {
    scope.report(
      from,
      `${path}.kind`,
      `${target.kind}${target.group === '' ? '' : ` of ${target.group}`} cannot be called; name a Service, or a Backend of ${BACKEND_GROUP}`,
      'InvalidKind',
    );
    return undefined;
  }
  if (!references.permitted(kindOf(from), from.metadata.namespace, target, namespace, ref.name)) {
    const message = references.forbidden(kindOf(from), from.metadata.namespace, target, namespace, ref.name);
    scope.report(from, path, message, 'RefNotPermitted');
    return undefined;
  }
  return target.kind === 'Backend' ? ofBackend(ref.name, namespace, from, path, scope) : ofService(ref, namespace, from, path, scope);
}

function ofBackend(name: string, namespace: string, from: Resource, path: string, scope: Scope): Origins | undefined {
  const backend = scope.set.get(Backend, namespace, name);
  if (backend === undefined) {
    scope.report(from, `${path}.name`, scope.references.missing('Backend', namespace, name), 'BackendNotFound');
    return undefined;
  }
  const { spec } = backend.body;
  const policy = tlsPolicyOf(BACKEND_GROUP, 'Backend', namespace, name, undefined, scope);
  const own = spec.tls;
  const client = clientCertificate(own?.clientCertificateRef, backend, scope);
  const ownTls = own && {
    serverName: own.sni,
    ca: certificates(own.caCertificateRefs ?? [], backend, 'spec.tls.caCertificateRefs', scope),
    ...client,
    skipVerify: own.insecureSkipVerify,
  };
  if (policy === 'broken' || scope.broken(backend)) return undefined;
  // Whom to trust is the policy's to say; it has no field for the client's own certificate.
  const tls = policy === undefined ? ownTls : { ...policy, ...client };
  const origins = spec.endpoints.map(({ fqdn, ip, hostname }) => ({
    host: fqdn?.hostname ?? ip!.address,
    port: fqdn?.port ?? ip!.port,
    tls: tls === undefined || tls.serverName !== undefined || hostname === undefined ? tls : { ...tls, serverName: hostname },
  }));
  return { name: `${namespace}/${name}`, origins, fallback: spec.fallback ?? false };
}

function ofService(ref: BackendRef, namespace: string, from: Resource, path: string, scope: Scope): Origins | undefined {
  const service = scope.set.get(Service, namespace, ref.name);
  if (service === undefined) {
    scope.report(from, `${path}.name`, scope.references.missing('Service', namespace, ref.name), 'BackendNotFound');
    return undefined;
  }
  const port = ref.port!;
  const ports = service.body.spec.ports ?? [];
  const known = ports.find((candidate) => candidate.port === port);
  if (known === undefined && ports.length > 0) {
    scope.report(
      from,
      `${path}.port`,
      `Service ${namespace}/${ref.name} has no port ${port}; it has ${ports.map((candidate) => candidate.port).join(', ')}`,
      'BackendNotFound',
    );
    return undefined;
  }
  const tls = tlsPolicyOf('', 'Service', namespace, ref.name, known?.name, scope);
  if (tls === 'broken') return undefined;
  const name = `${namespace}/${ref.name}`;
  // With TLS the two sides agree on the version themselves.
  const protocol = tls === undefined && known?.appProtocol === 'kubernetes.io/h2c' ? ('h2c' as const) : undefined;
  const origins = addressesOf(service, known, port, scope).map((address) => ({ ...address, tls, ...(protocol && { protocol }) }));
  return { name, origins, fallback: false };
}

/**
 * Where the port of a Service is reached: at its own address, which a cluster gives it, or else by its name. A headless Service of a cluster has
 * neither: its name leads to the pods, but to the wrong port.
 */
function addressesOf(
  { metadata: { namespace, name }, body: { spec } }: Service,
  known: ServicePort | undefined,
  port: number,
  scope: Scope,
): readonly Pick<Origin, 'host' | 'port'>[] {
  const { externalName, clusterIP = '' } = spec;
  if (externalName !== undefined) return [{ host: externalName, port }];
  if (isIP(clusterIP) !== 0) return [{ host: clusterIP, port }];
  if (!scope.shared || clusterIP !== 'None') return [{ host: `${name}.${namespace}.svc.cluster.local`, port }];
  return scope.slices(`${namespace}/${name}`).flatMap(({ addresses, ports }) => {
    const target = ports.find((each) => each.name === (known?.name ?? ''))?.port;
    return target === undefined ? [] : addresses.map((host) => ({ host, port: target }));
  });
}

/** Reports what a BackendTLSPolicy is for and is not there: its author believes that a backend is called with TLS. */
export function checkTlsPolicies(scope: Scope): void {
  const owners = new Map<string, BackendTLSPolicy>();
  for (const policy of scope.set.all(BackendTLSPolicy)) {
    for (const [index, ref] of policy.body.spec.targetRefs.entries()) {
      const path = `spec.targetRefs[${index}]`;
      const { namespace } = policy.metadata;
      const isBackend = ref.group === BACKEND_GROUP && ref.kind === 'Backend';
      if (!isBackend && !(ref.group === '' && ref.kind === 'Service')) {
        scope.report(policy, `${path}.kind`, `must be a Service, or a Backend of ${BACKEND_GROUP}, not ${ref.kind} of "${ref.group}"`);
        continue;
      }
      const target = scope.set.get(isBackend ? Backend : Service, namespace, ref.name);
      if (target === undefined) {
        scope.report(policy, `${path}.name`, scope.references.missing(ref.kind, namespace, ref.name));
        continue;
      }
      if (ref.sectionName !== undefined) {
        const ports = isBackend ? [] : ((target as Service).body.spec.ports ?? []).flatMap((port) => port.name ?? []);
        if (!ports.includes(ref.sectionName)) {
          const message = `${ref.kind} ${namespace}/${ref.name} has no port called "${ref.sectionName}"`;
          scope.report(policy, `${path}.sectionName`, `${message}${didYouMean(ref.sectionName, ports)}`);
          continue;
        }
      }
      const key = JSON.stringify([ref.kind, namespace, ref.name, ref.sectionName]);
      const other = owners.get(key);
      if (other === undefined) owners.set(key, policy);
      else scope.report(policy, path, `${nameOf(other)} (${other.source.file}) targets it already`, 'Conflicted');
    }
  }
}

/** @returns `broken` where the policy has problems: a backend that is to be verified is not called unverified */
function tlsPolicyOf(
  group: string,
  kind: string,
  namespace: string,
  name: string,
  section: string | undefined,
  scope: Scope,
): OriginTls | 'broken' | undefined {
  const matches = scope.set.all(BackendTLSPolicy).filter((policy) => policy.metadata.namespace === namespace);
  const targets = (policy: BackendTLSPolicy, wanted: string | undefined) =>
    policy.body.spec.targetRefs.some((ref) => ref.group === group && ref.kind === kind && ref.name === name && ref.sectionName === wanted);
  const policy =
    (section === undefined ? undefined : matches.find((candidate) => targets(candidate, section))) ??
    matches.find((candidate) => targets(candidate, undefined));
  const invalid = scope.set
    .invalidTargets(BackendTLSPolicy)
    .some((each) => each.namespace === namespace && each.kind === kind && each.name === name);
  if (policy === undefined) return invalid ? 'broken' : undefined;
  const { validation } = policy.body.spec;
  const ca = certificates(validation.caCertificateRefs ?? [], policy, 'spec.validation.caCertificateRefs', scope);
  if (invalid || scope.broken(policy)) return 'broken';
  return { serverName: validation.hostname, ca, certificate: undefined, key: undefined, skipVerify: false };
}

/** PEM certificates under `ca.crt` of ConfigMaps and Secrets; undefined where none is named: the system's are trusted. */
function certificates(
  refs: readonly { readonly kind: string; readonly name: string }[],
  from: Resource,
  path: string,
  scope: Scope,
): string | undefined {
  if (refs.length === 0) return undefined;
  const { namespace } = from.metadata;
  const parts: string[] = [];
  for (const [index, ref] of refs.entries()) {
    const at = `${path}[${index}]`;
    const secret = ref.kind === 'Secret' ? scope.set.get(Secret, namespace, ref.name) : undefined;
    const map = ref.kind === 'ConfigMap' ? scope.set.get(ConfigMap, namespace, ref.name) : undefined;
    const pem = secret === undefined ? map?.body.data?.['ca.crt'] : secretData(secret).get('ca.crt')?.toString();
    if (secret === undefined && map === undefined)
      scope.report(from, `${at}.name`, scope.references.missing(ref.kind, namespace, ref.name), 'InvalidCACertificateRef');
    else if (pem === undefined || !pem.includes('-----BEGIN CERTIFICATE-----'))
      scope.report(from, at, `${ref.kind} ${namespace}/${ref.name} has no PEM certificate under "ca.crt"`, 'InvalidCACertificateRef');
    else parts.push(pem);
  }
  return parts.join('\n');
}

function clientCertificate(
  ref: { readonly name: string; readonly namespace?: string } | undefined,
  from: Resource,
  scope: Scope,
): Pick<OriginTls, 'certificate' | 'key'> {
  if (ref === undefined) return { certificate: undefined, key: undefined };
  const data = secretOf(ref, from, 'spec.tls.clientCertificateRef', scope);
  const certificate = data?.get('tls.crt')?.toString();
  const key = data?.get('tls.key')?.toString();
  if (data !== undefined && (certificate === undefined || key === undefined)) {
    scope.report(from, 'spec.tls.clientCertificateRef', `Secret ${ref.name} needs the entries tls.crt and tls.key`);
  }
  return { certificate, key };
}

/** Entries of a Secret that a resource names. @param reason of the problem that there is none @returns undefined after a report */
export function secretOf(
  ref: { readonly name: string; readonly namespace?: string },
  from: Resource,
  path: string,
  scope: Scope,
  reason?: Reason,
): ReadonlyMap<string, Buffer> | undefined {
  const namespace = ref.namespace ?? from.metadata.namespace;
  const to = { group: '', kind: 'Secret' };
  if (!scope.references.permitted(kindOf(from), from.metadata.namespace, to, namespace, ref.name)) {
    scope.report(from, path, scope.references.forbidden(kindOf(from), from.metadata.namespace, to, namespace, ref.name), 'RefNotPermitted');
    return undefined;
  }
  const secret = scope.set.get(Secret, namespace, ref.name);
  if (secret === undefined) {
    scope.report(from, `${path}.name`, scope.references.missing('Secret', namespace, ref.name), reason);
    return undefined;
  }
  return secretData(secret);
}

/** Endpoints with their connections, for a Backend of the attempt engine. */
export function endpointsOf({ origins }: Origins, settings: ConnectionSettings, scope: Scope) {
  return origins.map((origin) => ({ origin, hostHeader: hostHeader(origin), pool: scope.connections.pool(origin, settings) }));
}
