import type { Problem } from '../resources/problem.ts';
import { areAllLost, type Condition, isTrue, lostAt } from './conditions.ts';
import { type Fields, fieldsOf, listOf } from './fields.ts';

/** Where a Gateway says how the certificates of clients are checked. */
export const FRONTEND = 'spec.tls.frontend';

/** What is wrong with how a listener is to check its clients. */
export interface ClientProblems {
  readonly problems: readonly Problem[];
  /** Whether no authority is left: no client can be verified. */
  readonly isNone: boolean;
}

/** @param found of the Gateway, beside the other resources */
export function clientsOf({ protocol, port }: Fields, gateway: Fields, found: readonly Problem[]): ClientProblems {
  if (protocol !== 'HTTPS') return { problems: [], isNone: false };
  const { usual, perPort } = frontendOf(gateway);
  const index = perPort.findIndex((each) => each['port'] === port);
  const settings = index === -1 ? usual : fieldsOf(perPort[index]!['tls']);
  const path = index === -1 ? `${FRONTEND}.default` : `${FRONTEND}.perPort[${index}].tls`;
  const refs = listOf(fieldsOf(settings['validation'])['caCertificateRefs']);
  const problems = lostAt(`${path}.validation.caCertificateRefs`, found);
  return { problems, isNone: problems.length > 0 && areAllLost(problems, refs.length) };
}

/** The condition of a Gateway that lets clients pass without a valid certificate. @see Gateway API, FrontendTLSValidation `mode` */
export function insecureOf(gateway: Fields): Condition[] {
  const { usual, perPort } = frontendOf(gateway);
  const lenient = [usual, ...perPort.map((each) => fieldsOf(each['tls']))].filter(
    (settings) => fieldsOf(settings['validation'])['mode'] === 'AllowInsecureFallback',
  );
  if (lenient.length === 0) return [];
  const message = `${FRONTEND}: with mode AllowInsecureFallback clients pass whose certificate is missing or wrong`;
  return [isTrue('InsecureFrontendValidationMode', 'ConfigurationChanged', message)];
}

function frontendOf(gateway: Fields): { readonly usual: Fields; readonly perPort: readonly Fields[] } {
  const frontend = fieldsOf(fieldsOf(gateway['tls'])['frontend']);
  return { usual: fieldsOf(frontend['default']), perPort: listOf(frontend['perPort']).map(fieldsOf) };
}
