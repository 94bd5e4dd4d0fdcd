import type { Backend } from '../attempt/backend.ts';
import type { Credential } from '../providers/credentials/credential.ts';
import type { Schema } from '../providers/target.ts';
import type { AIServiceBackend } from '../resources/ai-gateway/ai-service-backend.ts';
import { type BackendSecurityPolicy, overrideHeaders } from '../resources/ai-gateway/backend-security-policy.ts';

import { fetchesMedia, lacksOf, optOut, outputLimitAt, STREAM_USAGE, takesThoughts, tierTwoOf } from './annotations.ts';
import { compileCredential } from './backend-credential.ts';
import { goingOut } from './egress.ts';
import { checkMutation } from './mutations.ts';
import { endpointsOf, originsOf } from './origins.ts';
import type { Scope } from './scope.ts';
import { DEFAULT_TRAFFIC, type Traffic } from './traffic.ts';

/** What looking up a backend needs besides the scope. */
export interface BackendPolicies {
  /** Policies for an AIServiceBackend, by `namespace/name`; `broken` where one has problems. */
  readonly credentials: (backend: string) => BackendSecurityPolicy | 'broken' | undefined;
  /** Origins and credential are the same wherever a backend is named under one traffic policy, and goes out in one way: looked up once. */
  readonly known: (
    backend: AIServiceBackend,
    traffic: Traffic,
    lookUp: () => KnownBackend | undefined,
    way: Pick<Scope, 'client' | 'proxy'>,
  ) => KnownBackend | undefined;
}

export interface KnownBackend {
  readonly schema: Schema;
  readonly backend: Backend;
  readonly credential: Credential | undefined;
  readonly overrides: readonly string[];
  readonly fallback: boolean;
}

function schemaOf(resource: AIServiceBackend, scope: Scope): Schema {
  const { name, version, prefix } = resource.body.spec.schema;
  return { name, version, prefix, lacks: lacksOf(resource, name, scope) };
}

/** What a schema needs, and what would have no effect in it. */
function checkSchema(resource: AIServiceBackend, scope: Scope): void {
  const { name, version = '', prefix = '' } = resource.body.spec.schema;
  const report = (field: string, message: string): void => scope.report(resource, `spec.schema.${field}`, message);
  if (name === 'AzureOpenAI' && version === '')
    report('version', 'is required for AzureOpenAI: it becomes the api-version of every request');
  if (name === 'GCPVertexAI' && version !== '') report('version', 'is not supported for GCPVertexAI: its paths begin with /v1/projects');
  if (prefix !== '' && name in OWN_PATHS) report('prefix', `is not supported for ${name}: its paths begin with ${OWN_PATHS[name]}`);
}

const OWN_PATHS: Readonly<Partial<Record<Schema['name'], string>>> = {
  AzureOpenAI: '/openai/deployments',
  AWSBedrock: '/model',
  AWSAnthropic: '/model',
  GCPVertexAI: '/v1/projects',
  GCPAnthropic: '/v1/projects',
};

export function knownBackend(
  resource: AIServiceBackend,
  traffic: Traffic,
  policies: BackendPolicies,
  scope: Scope,
): KnownBackend | undefined {
  return policies.known(resource, traffic, () => lookUp(resource, traffic, policies, scope), scope);
}

/** Reports the problems of a backend that no route may name: its author wants to know all of them at once. */
export function checkAiBackend(resource: AIServiceBackend, policies: BackendPolicies, scope: Scope): void {
  optOut(resource, STREAM_USAGE, scope);
  outputLimitAt(resource, scope);
  takesThoughts(resource, scope);
  fetchesMedia(resource, scope);
  knownBackend(resource, DEFAULT_TRAFFIC, policies, scope);
}

function lookUp(resource: AIServiceBackend, traffic: Traffic, policies: BackendPolicies, scope: Scope): KnownBackend | undefined {
  const { namespace, name } = resource.metadata;
  const { schema, backendRef, headerMutation } = resource.body.spec;
  checkMutation(headerMutation, resource, 'spec.headerMutation', scope);
  checkSchema(resource, scope);
  const api = schemaOf(resource, scope);
  const named = originsOf(backendRef, resource, 'spec.backendRef', scope);
  const origins = named === undefined || tierTwoOf(resource, scope) !== undefined ? named : goingOut(named, scope);
  const policy = policies.credentials(`${namespace}/${name}`);
  if (policy === 'broken') return undefined;
  const credential = policy === undefined ? undefined : compileCredential(policy, scope);
  // Without the credential that its policy asks for nothing is sent there.
  if (origins === undefined || origins.origins.length === 0 || (policy !== undefined && credential === undefined)) return undefined;
  if (schema.name.startsWith('GCP') && credential?.gcp === undefined) {
    const message = `of ${schema.name} needs a BackendSecurityPolicy of type GCPCredentials: its paths name the project and the region`;
    scope.report(resource, 'spec.schema.name', message);
    return undefined;
  }
  const definition = {
    name: `${namespace}/${name}`,
    endpoints: endpointsOf(origins, traffic.connections, scope),
    limits: traffic.limits,
    balance: traffic.balance,
    check: traffic.check,
  };
  const key = JSON.stringify([definition.name, origins, traffic.connections, traffic.limits, traffic.balance, traffic.check]);
  return {
    schema: api,
    backend: scope.backend(definition, key),
    credential,
    overrides: policy === undefined ? [] : overrideHeaders(policy.body.spec),
    fallback: origins.fallback,
  };
}
