import type { Report } from '../resources/kind.ts';
import { durationMs } from '../resources/schema.ts';

import type { SecuritySources } from './identity.ts';
import { DISCOVERED, discoveredKeys, issuerProblem, metadataUrls } from './issuer-metadata.ts';
import { type KeySet, LocalKeySet, parseKeySet } from './key-set.ts';
import type { Place } from './places.ts';
import type { JwtProviderSpec } from './policy.ts';
import { policyHeader } from './set-headers.ts';
import type { SharedIdentify } from './shared-identify.ts';

/** One entry of `jwt.providers`. */
export interface JwtProvider {
  readonly name: string;
  readonly issuer: string | undefined;
  /** Empty where audiences are not checked. */
  readonly audiences: readonly string[];
  readonly places: readonly Place[];
  readonly keySet: KeySet;
  readonly claimToHeaders: readonly { readonly claim: string; readonly header: string }[];
}

/** Where a token is looked for by default, as in Envoy. */
const USUAL_PLACES: readonly Place[] = [
  { in: 'header', name: 'authorization', prefix: 'Bearer ', prefixRequired: true },
  { in: 'param', name: 'access_token' },
];

/** @returns undefined after a report. */
export function compileProvider(
  spec: JwtProviderSpec,
  sources: SecuritySources,
  shared: SharedIdentify,
  path: string,
  report: Report,
): JwtProvider | undefined {
  const keySet = keySetOf(spec, sources, shared, path, report);
  const places = placesOf(spec, path, report);
  const claimToHeaders = (spec.claimToHeaders ?? []).map(({ claim, header }, index) => ({
    claim,
    header: policyHeader(header, `${path}.claimToHeaders[${index}].header`, report),
  }));
  const names = new Set<string>();
  for (const [index, { header }] of claimToHeaders.entries()) {
    if (names.has(header)) report(`${path}.claimToHeaders[${index}].header`, `an earlier claim is put into header ${header} already`);
    names.add(header);
  }
  if (keySet === undefined) return undefined;
  const issuer = spec.issuer === '' ? undefined : spec.issuer;
  return { name: spec.name, issuer, audiences: spec.audiences ?? [], places, keySet, claimToHeaders };
}

function placesOf(spec: JwtProviderSpec, path: string, report: Report): readonly Place[] {
  const { headers = [], cookies = [], params = [] } = spec.extractFrom ?? {};
  const places: Place[] = headers.map(({ name, valuePrefix = '' }, index) => ({
    in: 'header',
    name: policyHeader(name, `${path}.extractFrom.headers[${index}].name`, report),
    prefix: valuePrefix,
    prefixRequired: true,
  }));
  for (const name of params) places.push({ in: 'param', name });
  for (const name of cookies) places.push({ in: 'cookie', name });
  return places.length === 0 ? USUAL_PLACES : places;
}

function keySetOf(
  spec: JwtProviderSpec,
  sources: SecuritySources,
  shared: SharedIdentify,
  path: string,
  report: Report,
): KeySet | undefined {
  if (spec.remoteJWKS !== undefined) {
    const at = `${path}.remoteJWKS.uri`;
    const url = URL.parse(spec.remoteJWKS.uri);
    if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
      report(at, 'is no http or https URL');
      return undefined;
    }
    if (url.username !== '' || url.password !== '') {
      report(at, 'has a user name or password in it; a key set is public');
      return undefined;
    }
    url.hash = '';
    return shared.keySet(url, { dispatcher: sources.dispatcherForUrl(url), maxAgeMs: durationMs(spec.remoteJWKS.cacheDuration) });
  }
  if (spec.localJWKS === undefined && sources.discovery !== undefined && spec.issuer !== undefined)
    return discovered(spec.issuer, sources.discovery.elsewhere, shared, `${path}.issuer`, report);
  const local = localText(spec, sources, path, report);
  if (local === undefined) return undefined;
  try {
    return new LocalKeySet(parseKeySet(local.text, true));
  } catch (error) {
    report(local.at, error instanceof Error ? error.message : 'is no key set');
    return undefined;
  }
}

function discovered(issuer: string, elsewhere: boolean, shared: SharedIdentify, at: string, report: Report): KeySet | undefined {
  const problem = issuerProblem(issuer);
  if (problem === undefined) return shared.keySet(new URL(metadataUrls(issuer, DISCOVERED)[0]!), discoveredKeys(issuer, elsewhere));
  report(at, `${problem}, so that it cannot be asked where its keys are: name them by jwks`);
  return undefined;
}

function localText(
  spec: JwtProviderSpec,
  sources: SecuritySources,
  path: string,
  report: Report,
): { readonly text: string; readonly at: string } | undefined {
  const { inline, valueRef } = spec.localJWKS ?? {};
  if (inline !== undefined) return { text: inline, at: `${path}.localJWKS.inline` };
  const at = `${path}.localJWKS.valueRef`;
  if (valueRef === undefined) {
    report(path, 'has neither remoteJWKS nor localJWKS');
    return undefined;
  }
  const values = sources.configMap(valueRef, at);
  if (values === undefined) return undefined;
  const text = values.get('jwks') ?? values.values().next().value;
  if (text !== undefined) return { text, at };
  report(at, `ConfigMap ${valueRef.name} has no value`);
  return undefined;
}
