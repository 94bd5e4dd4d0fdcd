import type { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';

type Spec = SecurityPolicy['body']['spec'];

export type ApiKeyAuth = NonNullable<Spec['apiKeyAuth']>;
export type Authorization = NonNullable<Spec['authorization']>;
export type BasicAuth = NonNullable<Spec['basicAuth']>;
export type CorsSpec = NonNullable<Spec['cors']>;
export type ExtAuthSpec = NonNullable<Spec['extAuth']>;
export type JwtSpec = NonNullable<Spec['jwt']>;
export type JwtProviderSpec = JwtSpec['providers'][number];
