import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Fields } from './fields.ts';
import type { Generation } from './generation.ts';
import type { Run, Runner, Sink } from './run.ts';

/** One request to the server: what its handler needs. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Fields;
  /** The client's `x-request-id`, or a new one. */
  readonly id: string;
  readonly runner: Runner;
  /** Names under which the base model answers; the first is in the answers. */
  readonly served: readonly string[];
  readonly settings: ServerSettings;
  /** The rank that the port or `x-data-parallel-rank` asks for. */
  readonly rank: number | undefined;
  readonly resetAfterTokens: number | undefined;
}

export interface ServerSettings {
  /** Whether usage says how many prompt tokens were cached (vLLM `--enable-prompt-tokens-details`). */
  readonly promptTokensDetails: boolean;
  readonly host: string;
  readonly port: () => number;
}

/**
 * Starts the generation of an exchange. If the client leaves, it is aborted; if it breaks, the connection is cut.
 * @param sink the part of it that depends on the API
 */
export function generate(exchange: Exchange, request: Generation, sink: Omit<Sink, 'broken'>): Run {
  const { runner, response, id, served, rank, resetAfterTokens } = exchange;
  const lora = runner.loraOf(request.model, served);
  const run = runner.start(id, request, lora, rank, resetAfterTokens, { ...sink, broken: () => cut(response) });
  response.once('close', () => {
    if (!response.writableFinished) run.abort();
  });
  return run;
}

/** Ends the connection as a crashed process does. */
export function cut(response: ServerResponse): void {
  const { socket } = response;
  if (socket === null) return;
  socket.resetAndDestroy();
}

/** Usage as OpenAI's endpoints say it. */
export function usageOf(run: Run, settings: ServerSettings): object {
  return {
    prompt_tokens: run.promptTokens,
    total_tokens: run.promptTokens + run.completionTokens,
    completion_tokens: run.completionTokens,
    ...(settings.promptTokensDetails ? { prompt_tokens_details: { cached_tokens: run.cachedTokens } } : {}),
  };
}

/** What a prefill pod tells for the decode pod (NIXL connector of vLLM). */
export function transferParams({ settings, runner }: Exchange, request: Generation, run: Run): object | null {
  if (!request.remoteDecode) return null;
  return {
    do_remote_prefill: true,
    do_remote_decode: false,
    remote_block_ids: Array.from({ length: run.blocks }, (_, i) => i + 1),
    remote_engine_id: runner.pod.name,
    remote_request_id: run.id,
    remote_host: settings.host,
    remote_port: settings.port(),
    tp_size: 1,
  };
}
