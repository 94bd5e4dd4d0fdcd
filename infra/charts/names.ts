import { DEFAULT_INSTANCE } from '../settings/presets.ts';
import type { Settings } from '../settings.ts';

/** Names that objects of several parts know each other by. */
export const TIER_ONE = 'tier-one';
export const TIER_TWO = 'tier-two';
export const CONTROLLER = 'controller';

/** Of a tier's Gateway; its Secret with keys is `…-keys`. */
export type TierName = typeof TIER_ONE | typeof TIER_TWO;

/** What the settings call a tier. */
export function tierField(tier: TierName): 'tierOne' | 'tierTwo' {
  return tier === TIER_ONE ? 'tierOne' : 'tierTwo';
}

export function otherTier(tier: TierName): TierName {
  return tier === TIER_ONE ? TIER_TWO : TIER_ONE;
}

/** `spec.controllerName` of GatewayClasses, as the processes have it by default. */
export const CONTROLLER_NAMES: Readonly<Record<TierName, string>> = {
  'tier-one': 'tierkit.dev/tier-one',
  'tier-two': 'tierkit.dev/tier-two',
};

/** Two platforms of one cluster are told apart by it: whoever has the name serves the class. */
export function controllerName({ instance }: Settings, tier: TierName): string {
  return instance === DEFAULT_INSTANCE ? CONTROLLER_NAMES[tier] : `tierkit.dev/${instance}-${tier}`;
}

/** Arguments of a process that serves classes of a tier, where they are not called as by default. */
export function controllerNameArgs(settings: Settings, tier: TierName, option: string): string[] {
  return settings.instance === DEFAULT_INSTANCE ? [] : [`--${option}=${controllerName(settings, tier)}`];
}

export function gatewayClassName({ instance }: Settings, tier: TierName): string {
  return `${instance}-${tier}`;
}

/** Ports of the pods that Gateways get, as the processes give them out. */
export const GATEWAY_PORTS = { from: 10_000, to: 19_999 } as const;

export const CLIENT_KEYS = 'client-keys';
/** In `two-clusters`: where tier two sends its traces. */
export const TRACES_CONFIG = 'tier-two-traces';
export const TRACES_KEY = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';

/** Where model servers listen. */
export const MODEL_PORT = 8000;

export function providerSecret(provider: string): string {
  return `provider-${provider}`;
}
