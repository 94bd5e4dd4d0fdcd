import { didYouMean } from '#core/resources/nearest';

import type { Refuse } from './refusal.ts';

/** What the controller of LLMInferenceServices can load from. `oci` has to be switched on in its storage configuration. */
export const MODEL_SCHEMES = ['hf', 'pvc', 's3', 'oci'] as const;

const URI = /^([a-z][a-z0-9+.-]*):\/\/[^\s/]\S*$/;

/** Whether a model can be loaded from there. */
export function isModelUri(uri: string): boolean {
  const schemes: readonly string[] = MODEL_SCHEMES;
  return schemes.includes(URI.exec(uri)?.[1] ?? '');
}

/** Refuses what is no URI of one of the schemes. */
export function checkUri(uri: string, schemes: readonly string[], path: string, refuse: Refuse): void {
  const scheme = URI.exec(uri)?.[1];
  const known = schemes.map((each) => `${each}://`).join(', ');
  if (scheme === undefined) refuse(path, `${JSON.stringify(uri)} is no URI such as hf://OWNER/MODEL; it starts with one of ${known}`);
  else if (!schemes.includes(scheme)) refuse(path, `${scheme}:// is none of ${known}${didYouMean(scheme, schemes)}`);
}
