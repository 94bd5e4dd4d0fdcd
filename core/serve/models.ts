import { GatewayError } from '../errors.ts';

import type { Caller, Identity, Security } from '../identify/identity.ts';
import type { ListedModel } from '../route/rule.ts';
import type { MatchIndex } from '../route/table.ts';

/**
 * The models that a host serves and that the caller may use: each one's route has its own policy, and all of them are asked.
 * @param known policies that have said already who calls
 * @throws GatewayError TK_UNAUTHENTICATED, TK_FORBIDDEN when every policy turns the caller away
 */
export async function visibleModels(
  index: MatchIndex | undefined,
  caller: Caller,
  known: ReadonlyMap<Security, Identity> = new Map(),
): Promise<ListedModel[]> {
  const admitted = new Map<Security | undefined, Identity | GatewayError>(known);
  const models = new Map<string, ListedModel>();
  let refusal: GatewayError | undefined;
  for (const rule of index?.rules() ?? []) {
    // Also where a rule names no model: a host that is closed to the caller is closed to this question.
    if (!rule.ai) continue;
    const { security } = rule;
    let answer = admitted.get(security);
    if (answer === undefined && security !== undefined) {
      try {
        answer = await security.identify(caller);
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        answer = error;
      }
      admitted.set(security, answer);
    }
    if (answer instanceof GatewayError) refusal ??= answer;
    else for (const model of rule.models) if (!models.has(model.id)) models.set(model.id, model);
  }
  if (models.size === 0 && refusal !== undefined) throw refusal;
  return [...models.values()];
}

/** @see https://platform.openai.com/docs/api-reference/models/list */
export function openaiModels(models: readonly ListedModel[]): object {
  return { object: 'list', data: models.map(({ id, created, ownedBy }) => ({ id, object: 'model', created, owned_by: ownedBy })) };
}

/** @see https://docs.anthropic.com/en/api/models-list */
export function anthropicModels(models: readonly ListedModel[]): object {
  const data = models.map(({ id, created }) => ({
    type: 'model',
    id,
    display_name: id,
    created_at: new Date(created * 1000).toISOString(),
  }));
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
}
