import { Gateway } from '../resources/gateway-api/gateway.ts';
import { nameOf } from '../resources/kind.ts';
import { authoritiesOf } from './authorities.ts';
import type { Scope } from './scope.ts';

/** Whose certificates the clients of a port have to show. */
export interface ClientValidation {
  /** PEM certificates of the authorities. */
  readonly ca: string;
  /** Whether those pass as well that have none, or a wrong one. */
  readonly optional: boolean;
}

/** @returns `broken` after a report: no client could be verified */
export function clientValidationOf(gateway: Gateway, port: number, scope: Scope): ClientValidation | 'broken' | undefined {
  const found = read(gateway, port, scope);
  const other = scope.shared ? undefined : sharing(gateway, port, scope);
  if (other === undefined) return found;
  const message = `${nameOf(other)} has port ${port} too and checks clients otherwise; all Gateways of a process share its address`;
  scope.report(gateway, 'spec.tls.frontend', message, 'Conflicted');
  return 'broken';
}

function read(gateway: Gateway, port: number, scope: Scope): ClientValidation | 'broken' | undefined {
  const { validation, path } = settingsOf(gateway, port);
  if (validation === undefined) return undefined;
  const place = { from: gateway, path: `${path}.validation.caCertificateRefs`, otherKind: 'InvalidCACertificateKind' } as const;
  const ca = authoritiesOf(validation.caCertificateRefs, place, scope);
  return ca === '' ? 'broken' : { ca, optional: validation.mode === 'AllowInsecureFallback' };
}

function settingsOf({ body: { spec } }: Gateway, port: number) {
  const { default: usual, perPort = [] } = spec.tls?.frontend ?? { default: {} };
  const index = perPort.findIndex((each) => each.port === port);
  if (index === -1) return { validation: usual.validation, path: 'spec.tls.frontend.default' };
  return { validation: perPort[index]!.tls.validation, path: `spec.tls.frontend.perPort[${index}].tls` };
}

/** An earlier Gateway whose clients come to the same port and are checked in another way. */
function sharing(gateway: Gateway, port: number, scope: Scope): Gateway | undefined {
  const gateways = scope.set.all(Gateway);
  const own = JSON.stringify(settingsOf(gateway, port).validation);
  const isHttps = ({ body }: Gateway): boolean => body.spec.listeners.some((each) => each.port === port && each.protocol === 'HTTPS');
  return gateways.slice(0, gateways.indexOf(gateway)).find((other) => {
    if (!isHttps(other)) return false;
    const theirs = JSON.stringify(settingsOf(other, port).validation);
    // The same words mean something else in another namespace.
    return theirs !== own || (own !== undefined && other.metadata.namespace !== gateway.metadata.namespace);
  });
}
