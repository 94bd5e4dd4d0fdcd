import { type ServerState, sealState, openState } from '../sealed/ids.ts';
import type { SealKeys } from '../sealed/keys.ts';
import { subjectOf } from '../wire/era.ts';
import { paramsOf, type RpcMessage } from '../wire/message.ts';
import { invalidParams, serverUnreachable } from '../wire/rpc-error.ts';
import type { Asked } from './parts.ts';

/** Time for a client to answer what a server asked. */
const STATE_SECONDS = 3600;

/** A server's `requestState` for the client: good for the same request of the same subject at this route. @throws RpcError where it is too long */
export function stateFor(asked: Asked, request: RpcMessage, state: ServerState, keys: SealKeys): string {
  const sealed = sealState(state, placeOf(asked, request), now() + STATE_SECONDS, keys);
  if (sealed === undefined) throw serverUnreachable(state.server, 'its requestState is too long', request.id);
  return sealed;
}

/** What a request that is sent again brings along; undefined: nothing. @throws RpcError -32602 where it is none of ours, or of another server */
export function stateIn(asked: Asked, request: RpcMessage, server: string, keys: SealKeys): ServerState | undefined {
  const params = paramsOf(request);
  if (params?.has('requestState') !== true) return undefined;
  const text = params.string('requestState');
  const state = text === undefined ? undefined : openState(text, placeOf(asked, request), keys, now());
  if (state?.server === server) return state;
  throw invalidParams('Invalid params: requestState is none of this request, or has expired', { id: request.id });
}

function placeOf({ place }: Asked, request: RpcMessage) {
  return { ...place, about: `${request.method} ${subjectOf(request) ?? ''}` };
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
