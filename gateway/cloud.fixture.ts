// For tests: a backend of every schema, at one port, each with the credential that its API takes.
import { SCHEMA_NAMES, type SchemaName } from '#core/read/endpoints';

import { backendsYaml, routeYaml } from './gateway.fixture.ts';

const GCP =
  'type: GCPCredentials, gcpCredentials: {projectName: p, region: r}, credentialOverride: {fromRequestHeaders: {fallbackToConfigured: false}}';
const AWS = 'type: AWSCredentials, awsCredentials: {region: us-east-1, credentialsFile: {secretRef: {name: s}}}';
const CREDENTIALS: Readonly<Record<SchemaName, string>> = {
  OpenAI: 'type: APIKey, apiKey: {secretRef: {name: s}}',
  AzureOpenAI: 'type: AzureAPIKey, azureAPIKey: {secretRef: {name: s}}',
  Anthropic: 'type: AnthropicAPIKey, anthropicAPIKey: {secretRef: {name: s}}',
  Cohere: 'type: APIKey, apiKey: {secretRef: {name: s}}',
  AWSBedrock: AWS,
  AWSAnthropic: AWS,
  GCPVertexAI: GCP,
  GCPAnthropic: GCP,
};

/** A schema with nothing but its name. */
export const schemaNamed = (name: SchemaName) => ({ name, version: undefined, prefix: undefined });

/** What a client of Google's backends brings here. */
export const TOKEN = { 'x-aigw-gcp-access-token': 'ya29.token' };

const nameOf = (schema: SchemaName) => schema.toLowerCase();
/** What has a version, or none. */
const template = (schema: SchemaName) => (schema === 'AzureOpenAI' ? schema : 'OpenAI');

/**
 * A route for each schema: its model is the schema's name in lower case.
 * @param models what backends call them, where they call them otherwise
 */
export function schemasYaml(port: number, models: Partial<Readonly<Record<SchemaName, string>>> = {}): string {
  let backends = backendsYaml(SCHEMA_NAMES.map((schema) => ({ name: nameOf(schema), port, schema: template(schema) })));
  for (const schema of SCHEMA_NAMES) {
    const head = `metadata: {name: ${nameOf(schema)}}\nspec: {schema: {name: `;
    backends = backends.replace(head + template(schema), head + schema);
  }
  const more = SCHEMA_NAMES.flatMap((schema) => {
    const name = nameOf(schema);
    const model = models[schema];
    const route = routeYaml(name, [name]);
    return [
      `apiVersion: aigateway.envoyproxy.io/v1beta1\nkind: BackendSecurityPolicy\nmetadata: {name: ${name}}
spec: {${CREDENTIALS[schema]}, targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ${name}}]}`,
      model === undefined ? route : route.replace('priority: 0', `priority: 0, modelNameOverride: "${model}"`),
    ];
  });
  const secret = `apiVersion: v1\nkind: Secret\nmetadata: {name: s}
stringData: {apiKey: canary, credentials: "[default]\\naws_access_key_id = AKIA\\naws_secret_access_key = canary\\n"}`;
  return [backends, ...more, secret].join('\n---\n');
}
