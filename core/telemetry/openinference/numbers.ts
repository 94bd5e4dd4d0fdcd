import type { Cost } from '../../money/cost.ts';
import type { PricedKind } from '../../money/cost.ts';
import type { Usage } from '../../llm/usage.ts';
import type { AttributeSink } from '../trace/attributes.ts';

/** `llm.token_count.*`. Cached tokens are a part of the prompt, as reasoning is of the completion. */
export function setTokens(sink: AttributeSink, usage: Usage | undefined): void {
  if (usage === undefined) return;
  const prefix = 'llm.token_count.';
  sink.set(`${prefix}prompt`, usage.input);
  sink.set(`${prefix}completion`, usage.output);
  sink.set(`${prefix}total`, usage.total);
  sink.set(`${prefix}prompt_details.cache_read`, usage.cachedInput);
  // The reference says cache_creation, a name that Phoenix prices as ordinary input.
  sink.set(`${prefix}prompt_details.cache_write`, usage.cacheCreation);
  sink.set(`${prefix}prompt_details.audio`, usage.inputAudio);
  sink.set(`${prefix}completion_details.reasoning`, usage.reasoning);
  sink.set(`${prefix}completion_details.audio`, usage.outputAudio);
  if (usage.source !== 'reported') sink.set('tierkit.usage_source', usage.source);
}

/** Where the parts of a cost belong; what is paid for a request or an image is in the total only. */
const PLACE: Partial<Record<PricedKind, readonly [side: 'prompt' | 'completion', detail: string]>> = {
  input: ['prompt', 'input'],
  cachedInput: ['prompt', 'cache_read'],
  cacheWrite: ['prompt', 'cache_write'],
  cacheWrite1h: ['prompt', 'cache_write'],
  inputAudio: ['prompt', 'audio'],
  inputImage: ['prompt', 'image'],
  output: ['completion', 'output'],
  reasoning: ['completion', 'reasoning'],
  outputAudio: ['completion', 'audio'],
};

const NANOS = 1e9;

/** `llm.cost.*`, which is US dollars; another currency has a name of its own. */
export function setCost(sink: AttributeSink, cost: Cost | undefined): void {
  if (cost === undefined) return;
  sink.set('tierkit.cost.nanos', cost.nanos);
  sink.set('tierkit.cost.currency', cost.currency);
  if (cost.currency !== 'USD') return;
  const sums = new Map<string, number>();
  const add = (name: string, nanos: number): void => void sums.set(name, (sums.get(name) ?? 0) + nanos);
  for (const { kind, nanos } of cost.parts) {
    const place = PLACE[kind];
    if (place === undefined) continue;
    const [side, detail] = place;
    add(side, nanos);
    add(`${side}_details.${detail}`, nanos);
  }
  for (const [name, nanos] of sums) sink.set(`llm.cost.${name}`, nanos / NANOS);
  sink.set('llm.cost.total', cost.nanos / NANOS);
}
