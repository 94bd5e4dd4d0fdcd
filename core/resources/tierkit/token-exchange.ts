import { checkSecretUrl } from '../ai-gateway/oidc-exchange.ts';
import { checkSecretRef } from '../ai-gateway/secret-ref.ts';
import { Uri } from '../ai-gateway/text-formats.ts';
import { reportDuplicates } from '../ai-gateway/unique.ts';
import { withDefault } from '../gateway-api/collections.ts';
import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { Group, KindName, list, Namespace, object, ObjectName, oneOf, text, Type } from '../schema.ts';
import { doc } from './doc.ts';
import { TIERKIT_GROUP, TIERKIT_VERSIONS } from './group.ts';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

const Target = object({
  group: doc('Absent: that of the kind.', Type.Optional(oneOf(['aigateway.envoyproxy.io']))),
  kind: doc('What has MCP servers behind it.', oneOf(['MCPRoute'])),
  name: doc('Of the route, in this namespace.', ObjectName),
});

const Secret = object({
  group: doc('That of Secret, which is empty.', withDefault(Group, '')),
  kind: doc('Secret.', withDefault(KindName, 'Secret')),
  name: doc('Of the Secret.', ObjectName),
  namespace: doc('Absent: this one. Another one has to permit it by a ReferenceGrant.', Type.Optional(Namespace)),
});

/** RFC 6749, section 3.3. */
const Scope = text(256, 1, '^[!#-\\[\\]-~]+$');
const Absolute = Type.With(Uri, { maxLength: 2048 }) as unknown as typeof Uri;

/** MCP servers of a route get a token of the caller that is meant for them, in place of the one that the caller shows the gateway. */
export const TokenExchange = defineKind({
  kind: 'TokenExchange',
  group: TIERKIT_GROUP,
  versions: TIERKIT_VERSIONS,
  namespaced: true,
  schema: object({
    spec: object({
      targetRef: doc('The MCPRoute, which has to identify its callers by tokens.', Target),
      servers: doc('Names of its backendRefs. Absent: all of them.', Type.Optional(list(ObjectName, 256, 1))),
      tokenEndpoint: doc(
        'Where tokens are exchanged (RFC 8693); in plain HTTP on the same machine alone.',
        Type.String({ maxLength: 2048, pattern: '^https?://[^\\s]+$', description: 'https URL such as https://idp.example.com/token' }),
      ),
      clientID: doc('As whom the gateway asks.', text(1024)),
      clientSecret: doc('The Secret whose entry `client-secret` proves it.', Secret),
      clientAuthentication: doc(
        'Where id and secret stand: in the Authorization header, or in the form.',
        oneOf(['Basic', 'Post'], { default: 'Basic' }),
      ),
      audience: doc('Name of the server at the authorization server.', Type.Optional(text(1024))),
      resource: doc('URI of the server.', Type.Optional(Absolute)),
      scopes: doc(
        'What the token is to be good for. Absent: what the authorization server thinks right.',
        Type.Optional(list(Scope, 64, 1)),
      ),
      subjectTokenType: doc('What the caller’s token is.', withDefault(Absolute, ACCESS_TOKEN)),
      requestedTokenType: doc('What the server wants.', withDefault(Absolute, ACCESS_TOKEN)),
    }),
  }),
  refused: {},
  rules: ({ spec }, report) => {
    checkSecretUrl(spec.tokenEndpoint, 'spec.tokenEndpoint', report);
    checkSecretRef(spec.clientSecret, 'spec.clientSecret', report);
    reportDuplicates(spec.servers, String, 'spec.servers', '', report);
    checkResource(spec.resource, report);
  },
});
export type TokenExchange = ResourceOf<typeof TokenExchange>;

/** RFC 8693, section 2.1. */
function checkResource(resource: string | undefined, report: Report): void {
  if (resource?.includes('#') === true) report('spec.resource', 'must have no fragment');
}
