import type { IncomingHttpHeaders } from 'node:http';

import { GatewayError } from '../errors.ts';

/** @throws GatewayError TK_MEDIA_TYPE unless the body is sent as it is */
export function checkCoding({ 'content-encoding': coding }: IncomingHttpHeaders): void {
  if (coding === undefined || coding === 'identity') return;
  throw new GatewayError('TK_MEDIA_TYPE', `a body in the content coding "${coding.slice(0, 40)}" is not read; send it as it is`);
}

/** @throws GatewayError TK_MEDIA_TYPE */
export function checkJsonType({ 'content-type': type }: IncomingHttpHeaders): void {
  if (type !== undefined && /^application\/(?:[\w.!#$&^-]+\+)?json\s*(?:;|$)/i.test(type)) return;
  const given = type === undefined ? 'absent' : `"${type.slice(0, 80)}"`;
  throw new GatewayError('TK_MEDIA_TYPE', `the content type must be application/json, not ${given}`);
}
