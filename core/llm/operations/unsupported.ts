import { GatewayError } from '../../errors.ts';

/** What a backend's API has no way to do. @param param in the client's request */
export function unsupported(param: string, message: string): GatewayError {
  return new GatewayError('TK_UNSUPPORTED', message, { param });
}
