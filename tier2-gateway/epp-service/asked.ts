import type { IncomingHttpHeaders } from 'node:http';

import { JsonSyntaxError, type JsonObjectScan, scanObject } from '#core/json/scan';
import type { ApiEndpoint, EndpointTable } from '#core/read/endpoints';
import { MAX_DEPTH } from '#core/read/json-request';
import { requestId } from '#core/serve/request';

import type { Header } from '../epp/header-edit.ts';
import type { PickRequest } from '../epp/served-pick.ts';

/** What a gateway shows of a request, read. */
export interface Asked {
  /** The gateway's, or a new one. */
  readonly id: string;
  readonly hasId: boolean;
  readonly headers: IncomingHttpHeaders;
  /** Undefined for a path that no model API has. */
  readonly endpoint: ApiEndpoint | undefined;
  /** Whether it may be work for a model; any pod will do for the rest. */
  readonly isWork: boolean;
  /** Undefined where there is no JSON object to read, or one that a pod could read in another way. */
  readonly scan: JsonObjectScan | undefined;
  readonly model: string | undefined;
  /** Whether the answer comes token by token, and is shown so. */
  readonly streaming: boolean;
  readonly bytes: number;
}

/** Never refuses: a picker stands behind a gateway, and what is wrong with a request its model server says best. */
export function readAsked({ headers, body, answer }: PickRequest, endpoints: EndpointTable): Asked {
  const fields = fieldsOf(headers);
  const method = pseudo(headers, ':method') ?? 'POST';
  const endpoint = endpointOf(pseudo(headers, ':path') ?? '', endpoints);
  const scan = body === undefined ? undefined : scanOf(body);
  const model = scan?.string('model');
  const shown = answer === 'STREAMED' || answer === 'FULL_DUPLEX_STREAMED';
  const id = requestId(fields['x-request-id']);
  return {
    id,
    hasId: fields['x-request-id'] === id,
    headers: fields,
    endpoint,
    isWork: endpoint === undefined ? method === 'POST' || method === 'PUT' : endpoint.body !== 'none',
    scan,
    model: model === '' ? undefined : model,
    streaming: shown && scan?.type('stream') === 'true',
    bytes: body?.length ?? 0,
  };
}

/** Headers by name. It has no prototype, since a client chooses the names. */
export function fieldsOf(headers: readonly Header[]): IncomingHttpHeaders {
  const fields = Object.create(null) as Record<string, string>;
  for (const [name, value] of headers) fields[name] = fields[name] === undefined ? value : `${fields[name]}, ${value}`;
  return fields;
}

function pseudo(headers: readonly Header[], name: string): string | undefined {
  return headers.find((header) => header[0] === name)?.[1];
}

/** A route may put a prefix before the API's own path, and take it away after the picker has seen it. */
function endpointOf(target: string, endpoints: EndpointTable): ApiEndpoint | undefined {
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  for (let at = 0; at !== -1; at = path.indexOf('/', at + 1)) {
    const endpoint = endpoints.find(path.slice(at));
    if (endpoint !== undefined) return endpoint;
  }
  return undefined;
}

function scanOf(body: Buffer): JsonObjectScan | undefined {
  try {
    const scan = scanObject(body, { maxDepth: MAX_DEPTH });
    return scan.duplicates.includes('model') ? undefined : scan;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}
