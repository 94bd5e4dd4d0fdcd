import { createHash } from 'node:crypto';

import { digestPrompt } from './digest.ts';
import type { PromptDigest } from './digest.ts';
import { Picker } from './picker.ts';
import type { EndpointInfo, EndpointMetrics, PickRequest } from './policy.ts';
import type { PickerSettings } from './settings.ts';

/** A seeded source of chance (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export class Clock {
  at = 0;
  readonly now = (): number => this.at;
}

export function endpoint(index: number, more: Partial<EndpointInfo> = {}): EndpointInfo {
  return { id: `10.0.0.${index}:8000`, pod: `pod-${index}`, labels: {}, ready: true, draining: false, ...more };
}

export function endpoints(count: number): EndpointInfo[] {
  return Array.from({ length: count }, (_, index) => endpoint(index));
}

export function pool(count: number, settings: Partial<PickerSettings> = {}): { picker: Picker; clock: Clock } {
  const clock = new Clock();
  const picker = new Picker({ now: clock.now, random: seeded(7), settings: { indexBytes: 1 << 20, maxEndpoints: 32, ...settings } });
  picker.setEndpoints(endpoints(count));
  return { picker, clock };
}

/** Text of this many bytes that shares nothing with that of another name. */
export function text(name: string, bytes: number): string {
  let out = '';
  for (let part = 0; out.length < bytes; part++) out += createHash('sha256').update(`${name}/${part}`).digest('hex');
  return out.slice(0, bytes);
}

export function prompt(name: string, bytes: number, ...more: string[]): PromptDigest {
  return digestPrompt([text(name, bytes), ...more]);
}

let serial = 0;

export function request(digest: PromptDigest, more: Partial<PickRequest> = {}): PickRequest {
  return {
    id: `request-${++serial}`,
    model: 'm',
    tenant: 't',
    prompt: digest,
    inputTokens: Math.ceil(digest.bytes / 4),
    expectedOutput: 100,
    priority: 0,
    ...more,
  };
}

export function metrics(more: Partial<EndpointMetrics> = {}): EndpointMetrics {
  return { running: 0, waiting: 0, kvUsage: 0, runningLoras: [], waitingLoras: [], ...more };
}
