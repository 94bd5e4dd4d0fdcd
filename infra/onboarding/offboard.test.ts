import { describe, expect, it } from 'vitest';

import { FLAVOURS, TWO_CLUSTERS } from '../charts/flavours.fixture.ts';
import { offboard, planText } from './offboard.ts';
import { onboard } from './onboard.ts';
import { KSERVE, requestsOf, SEARCH } from './onboarding.fixture.ts';

const settings = FLAVOURS['production-two-clusters']!;
const [search, voice] = requestsOf(settings, [SEARCH, KSERVE]);
const steps = offboard(search!, settings, 'teams');
const commands = steps.flatMap((step) => step.commands);
const indexOf = (text: string) => commands.findIndex((command) => command.includes(text));

describe('the plan of a way out', () => {
  it('takes the route away first, then waits, and only then what guards it, and the pods last', () => {
    const order = [
      'delete -n tierkit-tier-one aigatewayroute.aigateway.envoyproxy.io/team-search',
      'sleep ',
      'vllm:num_requests_',
      'securitypolicy.gateway.envoyproxy.io/team-search',
      'secret/team-search-keys',
      'delete -n search aigatewayroute.aigateway.envoyproxy.io/search',
      'delete namespace search',
    ].map(indexOf);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order).not.toContain(-1);
  });

  it('names every object that was made and is not in the namespace', () => {
    const { model, gateway } = onboard(search!, settings);
    const outside = [...model.manifests, ...gateway.manifests].filter(
      ({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== 'search',
    );
    expect(outside.length).toBeGreaterThan(7);
    for (const { kind, metadata } of outside)
      expect(commands.filter((command) => command.includes(` -n ${metadata.namespace} ${kind.toLowerCase()}`))).not.toEqual([]);
  });

  it('asks the shell for the name of the model as it is', () => {
    const [first] = offboard({ ...search!, model: "it's $(id)" }, settings, 'teams');
    expect(first!.commands[0]).toContain(String.raw`grep -F '"it'\''s $(id)"' |`);
  });

  it('says to which cluster each command goes', () => {
    const { gateway, model } = TWO_CLUSTERS.clusters;
    for (const command of commands.filter((each) => each.includes('tierkit-tier-one')))
      expect(command).toContain(`--context ${gateway.context}`);
    expect(commands[indexOf('delete namespace search')]).toContain(`--context ${model.context}`);
    expect(
      offboard(search!, FLAVOURS['dev']!)
        .flatMap((step) => step.commands)
        .join('\n'),
    ).not.toContain('--context');
  });

  it('waits as long as the slower of the tiers drains, and lets KServe clean up before the namespace goes', () => {
    const longest = Math.max(settings.tierOne.drainSeconds, settings.tierTwo.drainSeconds);
    expect(commands).toContain(`sleep ${longest}`);
    const kserve = offboard(voice!, settings).flatMap((step) => step.commands);
    const service = kserve.findIndex((command) => command.includes('llminferenceservice.serving.kserve.io/voice'));
    expect(service).toBeGreaterThan(-1);
    expect(service).toBeLessThan(kserve.findIndex((command) => command.includes('delete namespace voice')));
  });

  it('is numbered, and says that nothing was done', () => {
    const text = planText(search!, steps);
    expect(text).toContain('Nothing was done');
    expect(text.match(/^\d+\. /gm)).toEqual(['1. ', '2. ', '3. ', '4. ', '5. ', '6. ']);
    expect(planText(search!, offboard(search!, settings))).not.toContain('git rm');
  });
});
