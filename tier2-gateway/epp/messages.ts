import { join } from 'node:path';

import type { MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Options, ServiceDefinition } from '@grpc/proto-loader';

import { EXT_PROC_SERVICE } from './names.ts';
import type { Struct } from './struct.ts';

/** Messages of proto/ext_proc.proto as the loader gives and takes them: a field that is not on the wire is absent. */
export interface ProcessingRequest {
  requestHeaders?: HttpHeaders;
  responseHeaders?: HttpHeaders;
  requestBody?: HttpBody;
  responseBody?: HttpBody;
  requestTrailers?: HttpTrailers;
  responseTrailers?: HttpTrailers;
  metadataContext?: { filterMetadata?: Record<string, Struct> };
  protocolConfig?: ProtocolConfiguration;
}

export interface ProcessingResponse {
  requestHeaders?: { response?: CommonResponse };
  responseHeaders?: { response?: CommonResponse };
  requestBody?: { response?: CommonResponse };
  responseBody?: { response?: CommonResponse };
  requestTrailers?: { headerMutation?: HeaderMutation };
  responseTrailers?: { headerMutation?: HeaderMutation };
  immediateResponse?: ImmediateResponse;
  dynamicMetadata?: Struct;
  modeOverride?: ProcessingMode;
  overrideMessageTimeout?: { seconds?: number; nanos?: number };
}

export interface HttpHeaders {
  headers?: HeaderMap;
  endOfStream?: boolean;
}

export interface HttpBody {
  body?: Buffer;
  endOfStream?: boolean;
}

export interface HttpTrailers {
  trailers?: HeaderMap;
}

export interface CommonResponse {
  status?: 'CONTINUE' | 'CONTINUE_AND_REPLACE';
  headerMutation?: HeaderMutation;
  bodyMutation?: BodyMutation;
  clearRouteCache?: boolean;
}

/** At most one of the fields is set. */
export interface BodyMutation {
  body?: Buffer;
  clearBody?: boolean;
  streamedResponse?: HttpBody;
}

export interface HeaderMutation {
  setHeaders?: HeaderValueOption[];
  removeHeaders?: string[];
}

export interface HeaderValueOption {
  header?: HeaderValue;
  append?: { value?: boolean };
  appendAction?: 'APPEND_IF_EXISTS_OR_ADD' | 'ADD_IF_ABSENT' | 'OVERWRITE_IF_EXISTS_OR_ADD' | 'OVERWRITE_IF_EXISTS';
}

export interface HeaderMap {
  headers?: HeaderValue[];
}

export interface HeaderValue {
  key?: string;
  value?: string;
  rawValue?: Buffer;
}

export interface ImmediateResponse {
  status?: { code?: number };
  headers?: HeaderMutation;
  body?: Buffer;
  details?: string;
}

export type BodySendMode = 'NONE' | 'STREAMED' | 'BUFFERED' | 'BUFFERED_PARTIAL' | 'FULL_DUPLEX_STREAMED';
export type HeaderSendMode = 'DEFAULT' | 'SEND' | 'SKIP';

export interface ProtocolConfiguration {
  requestBodyMode?: BodySendMode;
  responseBodyMode?: BodySendMode;
  sendBodyWithoutWaitingForHeaderResponse?: boolean;
}

export interface ProcessingMode {
  requestHeaderMode?: HeaderSendMode;
  responseHeaderMode?: HeaderSendMode;
  requestBodyMode?: BodySendMode;
  responseBodyMode?: BodySendMode;
  requestTrailerMode?: HeaderSendMode;
  responseTrailerMode?: HeaderSendMode;
}

export type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

const PROTO = join(import.meta.dirname, 'proto');
const LOAD: Options = { longs: Number, enums: String };

/** `envoy.service.ext_proc.v3.ExternalProcessor`, for a client or a server. */
export const externalProcessor = load('ext_proc.proto', EXT_PROC_SERVICE);
/** Its one method: a stream each way for every HTTP request. */
export const processMethod = externalProcessor['Process'] as MethodDefinition<ProcessingRequest, ProcessingResponse>;

/** `grpc.health.v1.Health`. */
export const healthService = load('health.proto', 'grpc.health.v1.Health');

function load(file: string, service: string): ServiceDefinition {
  return loadSync(join(PROTO, file), LOAD)[service] as ServiceDefinition;
}
