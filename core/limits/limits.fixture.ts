// For tests: a request as limits see it.
import { ANYONE } from '../identify/identity.ts';
import type { LimitedRequest } from './rule.ts';

export function limited(request: Partial<LimitedRequest> = {}): LimitedRequest {
  return {
    method: 'POST',
    path: '/v1/chat/completions',
    query: '',
    headers: {},
    address: '192.0.2.1',
    model: undefined,
    identity: ANYONE,
    ...request,
  };
}
