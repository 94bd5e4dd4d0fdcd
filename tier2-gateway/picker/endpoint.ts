import { SpeedModel } from './learning.ts';
import type { PoolModels } from './learning.ts';
import { EndpointLoad } from './load.ts';
import { LoraSlots } from './lora.ts';
import type { EndpointInfo } from './policy.ts';
import type { PrefixIndex } from './prefix-index.ts';
import { ScrapedLoad } from './scraped.ts';
import type { PickerSettings } from './settings.ts';

/** Below these a wrong prediction of cached tokens says little. */
const MIN_FEEDBACK_TOKENS = 64;
const FEEDBACK_RATE = 0.2;

/** Everything the picker knows about one endpoint. */
export class EndpointState {
  info: EndpointInfo;
  /** In the prefix index, or -1. */
  readonly slot: number;
  /** Since when it may serve; -Infinity for one that was there from the beginning. */
  readySince: number;
  readonly load = new EndpointLoad();
  readonly scraped = new ScrapedLoad();
  readonly loras = new LoraSlots();
  readonly speed: SpeedModel;
  /** How much of the predicted cache hits the endpoint reports in fact. */
  trust = 1;
  removed = false;
  readonly #settings: PickerSettings;
  #failures = 0;
  #failedAt = 0;

  constructor(info: EndpointInfo, slot: number, readySince: number, settings: PickerSettings, pool: PoolModels) {
    this.info = info;
    this.slot = slot;
    this.readySince = readySince;
    this.#settings = settings;
    this.speed = new SpeedModel(pool);
  }

  /** Tokens of the whole KV cache. */
  get kvCapacity(): number {
    const { last } = this.scraped;
    const reported = (last?.blockSize ?? 0) * (last?.numBlocks ?? 0);
    return reported > 0 ? reported : this.#settings.kvTokens;
  }

  get loraSlots(): number {
    return this.scraped.last?.maxLora ?? this.#settings.maxLora;
  }

  /** KV tokens that own requests hold: indexed blocks once, however many share them, and the rest. */
  ownKv(index: PrefixIndex, bytesPerToken: number): number {
    return index.heldBytes(this.slot) / bytesPerToken + this.load.looseKv;
  }

  /** Share of the work that a new endpoint gets, up to 1. */
  warmth(now: number): number {
    const { slowStartMs } = this.#settings;
    if (slowStartMs === 0) return 1;
    return Math.max(0.1, Math.min(1, (now - this.readySince) / slowStartMs));
  }

  /** The server reported how much of the prompt it had cached. */
  cacheFeedback(predictedTokens: number, cachedTokens: number): void {
    if (predictedTokens < MIN_FEEDBACK_TOKENS) return;
    const hit = Math.min(1, cachedTokens / predictedTokens);
    this.trust += FEEDBACK_RATE * (hit - this.trust);
  }

  failed(now: number): void {
    this.#failures = this.#recentFailures(now) + 1;
    this.#failedAt = now;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Keeps an endpoint that fails fast, and so always looks idle, from drawing all traffic. */
  failurePenaltyMs(now: number): number {
    return this.#failures === 0 ? 0 : this.#recentFailures(now) * this.#settings.failurePenaltyMs;
  }

  #recentFailures(now: number): number {
    return this.#failures * 0.5 ** (Math.max(0, now - this.#failedAt) / this.#settings.failureHalfLifeMs);
  }

  /** The model server is another process than before: what it had cached or loaded is gone. */
  restarted(index: PrefixIndex, now: number): void {
    index.reset(this.slot);
    this.loras.reset();
    this.scraped.forget();
    this.trust = 1;
    this.#failures = 0;
    this.readySince = now;
  }
}
