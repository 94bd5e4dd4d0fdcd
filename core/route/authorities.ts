import { X509Certificate } from 'node:crypto';

import type { Resource } from '../resources/kind.ts';
import { ConfigMap } from '../resources/kubernetes/config-map.ts';
import { Secret } from '../resources/kubernetes/secret.ts';
import { secretData } from '../resources/kubernetes/secret-data.ts';
import type { Reason } from '../resources/reason.ts';
import { kindOf } from '../resources/references.ts';
import { remember } from './remember.ts';
import type { Scope } from './scope.ts';

/** A reference to certificates of authorities. */
export interface AuthorityRef {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Where such references stand, and what they are called that are of another kind. */
export interface AuthorityPlace {
  readonly from: Resource;
  readonly path: string;
  readonly otherKind: Extract<Reason, 'InvalidKind' | 'InvalidCACertificateKind'>;
}

/**
 * The PEM certificates under `ca.crt` of ConfigMaps and Secrets. Reports each reference that has none.
 * @returns those of the others, empty where there are none
 */
export function authoritiesOf(refs: readonly AuthorityRef[], place: AuthorityPlace, scope: Scope): string {
  return refs.flatMap((ref, index) => authorityOf(ref, `${place.path}[${index}]`, place, scope) ?? []).join('\n');
}

function authorityOf(ref: AuthorityRef, at: string, { from, otherKind }: AuthorityPlace, scope: Scope): string | undefined {
  const { group = '', kind, name } = ref;
  const own = from.metadata.namespace;
  const namespace = ref.namespace ?? own;
  const { references, set } = scope;
  if (group !== '' || (kind !== 'ConfigMap' && kind !== 'Secret')) {
    const message = `certificates are read from a ConfigMap or a Secret (group ""), not from ${kind} of group "${group}"`;
    scope.report(from, at, message, otherKind);
    return undefined;
  }
  if (!references.permitted(kindOf(from), own, { group, kind }, namespace, name)) {
    scope.report(from, at, references.forbidden(kindOf(from), own, { group, kind }, namespace, name), 'RefNotPermitted');
    return undefined;
  }
  const secret = kind === 'Secret' ? set.get(Secret, namespace, name) : undefined;
  const map = kind === 'ConfigMap' ? set.get(ConfigMap, namespace, name) : undefined;
  if (secret === undefined && map === undefined) {
    scope.report(from, `${at}.name`, references.missing(kind, namespace, name), 'InvalidCACertificateRef');
    return undefined;
  }
  const pem = secret === undefined ? map!.body.data?.['ca.crt'] : secretData(secret).get('ca.crt')?.toString();
  if (pem !== undefined && areCertificates(pem, (secret ?? map)!.body)) return pem;
  scope.report(from, at, `${kind} ${namespace}/${name} has no PEM certificate under "ca.crt"`, 'InvalidCACertificateRef');
  return undefined;
}

/** What was found out of the texts of a resource that has not changed. */
const READ = new WeakMap<object, boolean>();
const CERTIFICATE = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;

function areCertificates(pem: string, body: object): boolean {
  return remember(READ, body, () => {
    const certificates = pem.match(CERTIFICATE) ?? [];
    return certificates.length > 0 && certificates.every(isCertificate);
  });
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
