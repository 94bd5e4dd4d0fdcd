import type { Endpoint } from '#core/attempt/backend';
import type { Edit } from '#core/json/edit';
import type { JsonObjectScan } from '#core/json/scan';

import type { ServerFailed } from './failed.ts';
import type { McpServer } from './server.ts';

/** Hears what becomes of a request to a server, and of the tries that follow where the first one did not get there. */
export interface Watch {
  /** Changes of `_meta` by which the request says where it stands in a trace. None where nothing is traced. */
  readonly meta: readonly Edit[];
  /** It is about to be sent. @param protocolVersion of the message */
  begun(protocolVersion: string | undefined): void;
  /** It is on its way. @param headers flat; what says where it stands in a trace is put on them, in place */
  sent(server: McpServer, endpoint: Endpoint, headers: string[]): void;
  /** The head of the answer is there. */
  answered(status: number): void;
  /** One message of the answer. */
  said(message: JsonObjectScan): void;
  /** Nothing more comes. @param failure why @param isResumable whether what is missing can be had by another request */
  over(failure: ServerFailed | undefined, isResumable?: boolean): void;
}

/** Watches what the gateway asks of its own accord. */
export interface Watches {
  own(server: string, method: string): Watch;
}
