import { isIP } from 'node:net';

import type { ConnectionSettings } from '../http/client.ts';
import { isLocalName, localKind } from '../http/local-address.ts';
import { hostHeader, type Origin, type OriginTls } from '../http/origin.ts';
import { Backend } from '../resources/envoy-gateway/backend.ts';
import { ENVOY_GATEWAY_GROUP } from '../resources/envoy-gateway/group.ts';
import { kindOf } from '../resources/references.ts';
import type { Resource } from '../resources/kind.ts';
import { Secret } from '../resources/kubernetes/secret.ts';
import { secretData } from '../resources/kubernetes/secret-data.ts';
import { Service, type ServicePort } from '../resources/kubernetes/service.ts';
import type { Reason } from '../resources/reason.ts';

import { authoritiesOf } from './authorities.ts';
import { backendTlsOf } from './backend-tls.ts';
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

/**
 * The addresses behind a reference to a Backend or a Service. Without TLS settings of its own or a BackendTLSPolicy a backend is
 * called in plain HTTP, as in the reference.
 * @returns undefined after a report
 */
export function originsOf(ref: BackendRef, from: Resource, path: string, scope: Scope): Origins | undefined {
  const namespace = ref.namespace ?? from.metadata.namespace;
  const target = { group: ref.group ?? '', kind: ref.kind ?? 'Service' };
  const { references } = scope;
  if (!((target.group === ENVOY_GATEWAY_GROUP && target.kind === 'Backend') || (target.group === '' && target.kind === 'Service'))) {
    scope.report(
      from,
      `${path}.kind`,
      `${target.kind}${target.group === '' ? '' : ` of ${target.group}`} cannot be called; name a Service, or a Backend of ${ENVOY_GATEWAY_GROUP}`,
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
  const policy = backendTlsOf({ group: ENVOY_GATEWAY_GROUP, kind: 'Backend', namespace, name, section: undefined }, scope);
  const own = spec.tls;
  const client = own?.clientCertificateRef === undefined ? shown(scope) : clientCertificate(own.clientCertificateRef, backend, scope);
  const ownTls = own && {
    serverName: own.sni,
    ca: ownAuthorities(backend, scope),
    ...client,
    skipVerify: own.insecureSkipVerify,
  };
  for (const [index, { fqdn, ip }] of spec.endpoints.entries()) {
    const path = fqdn === undefined ? `ip.address` : 'fqdn.hostname';
    checkElsewhere(fqdn?.hostname ?? ip!.address, backend, `spec.endpoints[${index}].${path}`, scope);
  }
  if (policy === 'broken' || scope.broken(backend)) return undefined;
  // Whom to trust is the policy's to say; it has no field for the client's own certificate.
  const tls = policy === undefined ? ownTls : { ...policy, ...client };
  const origins = spec.endpoints.map(({ fqdn, ip, hostname }) => ({
    host: fqdn?.hostname ?? ip!.address,
    port: fqdn?.port ?? ip!.port,
    ...elsewhere(scope),
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
  const policy = backendTlsOf({ group: '', kind: 'Service', namespace, name: ref.name, section: known?.name }, scope);
  if (policy === 'broken') return undefined;
  const tls = policy && { ...policy, ...shown(scope) };
  const name = `${namespace}/${ref.name}`;
  // With TLS the two sides agree on the version themselves.
  const protocol = tls === undefined && known?.appProtocol === 'kubernetes.io/h2c' ? ('h2c' as const) : undefined;
  const { externalName } = service.body.spec;
  // Others read a Service as well, and it has no status of ours: its author reads of it at the route.
  if (externalName !== undefined && !checkElsewhere(externalName, from, path, scope, `Service ${namespace}/${ref.name}: `))
    return undefined;
  const origins = addressesOf(service, known, port, scope).map((address) => ({
    ...address,
    tls,
    ...(protocol && { protocol }),
    ...(externalName === undefined ? {} : elsewhere(scope)),
  }));
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

/** For an origin that a resource names: what leads to this machine at the moment of a connection is not called. */
export function elsewhere({ allowLocalAddresses }: Scope): { readonly elsewhere?: true } {
  return allowLocalAddresses ? {} : { elsewhere: true };
}

/**
 * Reports a host that is this machine, or what only it may ask: in a cluster whoever may write a resource would speak in the gateway's name.
 * @param of what names it, where that is another resource @returns whether it may be called
 */
export function checkElsewhere(host: string, from: Resource, path: string, scope: Scope, of = ''): boolean {
  if (scope.allowLocalAddresses) return true;
  const kind = localKind(host) ?? (isLocalName(host) ? 'this machine' : undefined);
  if (kind === undefined) return true;
  scope.report(from, path, `${of}"${host}" is ${kind}; in a cluster none is called unless the gateway is told to`, 'RefNotPermitted');
  return false;
}

/** Undefined: the system's are trusted. */
function ownAuthorities(backend: Backend, scope: Scope): string | undefined {
  const refs = backend.body.spec.tls?.caCertificateRefs ?? [];
  if (refs.length === 0) return undefined;
  return authoritiesOf(refs, { from: backend, path: 'spec.tls.caCertificateRefs', otherKind: 'InvalidKind' }, scope);
}

/** What the Gateway shows a backend that has no certificate of its own for that. */
function shown({ client }: Scope): Pick<OriginTls, 'certificate' | 'key'> {
  return { certificate: client?.certificate, key: client?.key };
}

function clientCertificate(
  ref: { readonly name: string; readonly namespace?: string },
  from: Resource,
  scope: Scope,
): Pick<OriginTls, 'certificate' | 'key'> {
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
