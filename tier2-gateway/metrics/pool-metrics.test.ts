import { afterEach, describe, expect, it, vi } from 'vitest';

import type { DropReason } from '../flow/drop.ts';
import { asChat, modelYaml, poolYaml, startPod, startTierTwo, type TestPod, type TestTierTwo } from '../tier-two.fixture.ts';
import { Metrics } from '#core/telemetry/metrics';
import { PoolSeries } from './pool-series.ts';

const pods: TestPod[] = [];
let two: TestTierTwo | undefined;
afterEach(async () => {
  await two?.close();
  await Promise.all(pods.splice(0).map((pod) => pod.close()));
});

async function start(...answers: readonly TestPod['answer'][]): Promise<TestTierTwo> {
  for (const answer of answers) pods.push(await startPod(answer));
  two = await startTierTwo([poolYaml('p', pods), modelYaml('m', ['p'])]);
  return two;
}

async function series(): Promise<Map<string, number>> {
  const text = await (await fetch(`${two!.adminUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

const portOf = ({ address }: TestPod): string => address.slice(address.lastIndexOf(':') + 1);

const POOL = 'inference_pool="p",pool_namespace="default"';
const NAME = 'name="p",pool_namespace="default"';
const MODEL = 'model_name="m",target_model_name="m",fairness_id="anonymous",priority="0"';

const failing: TestPod['answer'] = (_request, response) => response.destroy();

describe('metrics of tier two', () => {
  it('count requests, tokens, picks and turns under llm-d’s names, and no tokens under the reference’s', async () => {
    const tier = await start(asChat);
    await (await tier.chat({ model: 'm' })).text();
    await (await tier.chat({ model: 'm', stream: true, stream_options: { include_usage: true } })).text();
    await vi.waitFor(async () => expect((await series()).get(`llm_d_epp_request_total{${MODEL}}`)).toBe(2));
    const now = await series();
    expect(now.get(`llm_d_epp_request_input_tokens_sum{${MODEL}}`)).toBe(14);
    expect(now.get(`llm_d_epp_request_ttft_seconds_count{${MODEL},streaming="true"}`)).toBe(1);
    expect(now.get(`llm_d_epp_request_streaming_tpot_seconds_count{${MODEL}}`)).toBe(1);
    expect(now.get(`llm_d_epp_scheduler_e2e_duration_seconds_count{${POOL}}`)).toBe(2);
    expect(
      now.get(
        `llm_d_epp_scheduler_attempts_total{status="success",target_model_name="m",endpoint_name="${pods[0]!.address}",port="${portOf(pods[0]!)}",${POOL}}`,
      ),
    ).toBe(2);
    expect(now.get(`llm_d_epp_flow_control_requests_total{outcome="Dispatched",priority="0",${POOL}}`)).toBe(2);
    expect(now.get(`tierkit_picks_total{${POOL},chosen_by="own"}`)).toBe(2);
    expect(now.get(`tierkit_picks_total{${POOL},chosen_by="fallback"}`)).toBe(0);
    expect(now.get(`llm_d_epp_request_error_total{${MODEL}}`)).toBeUndefined();
    expect([...now.keys()].filter((name) => name.startsWith('gen_ai_'))).toEqual([]);
  });

  it('show how the pool stands, also where nothing has happened', async () => {
    await start(asChat, asChat);
    await vi.waitFor(async () => expect((await series()).get(`llm_d_epp_average_queue_size{${NAME}}`)).toBe(0));
    const now = await series();
    expect(now.get(`llm_d_epp_ready_endpoints{${NAME}}`)).toBe(2);
    expect(now.get(`inference_pool_ready_pods{${NAME}}`)).toBe(2);
    expect(now.get(`llm_d_epp_flow_control_queue_size{priority="0",${POOL}}`)).toBe(0);
    expect(now.get(`llm_d_epp_flow_control_pool_saturation{${POOL},stage="effective"}`)).toBe(0);
    expect(now.get(`tierkit_pool_stale_endpoints{${POOL}}`)).toBe(0);
    const { address } = pods[1]!;
    expect(now.get(`llm_d_epp_inflight_requests{endpoint_name="${address}",port="${portOf(pods[1]!)}",${POOL}}`)).toBe(0);
  });

  it('tell of a pod that fails, and of the one that answers in its place', async () => {
    const tier = await start(failing, failing);
    expect((await tier.chat({ model: 'm' })).status).toBe(502);
    await vi.waitFor(async () =>
      expect((await series()).get(`llm_d_epp_request_error_total{${MODEL},error_code="upstream_reset"}`)).toBe(1),
    );
    const now = await series();
    expect(now.get('tierkit_attempts_total{backend="default/p",result="upstream_reset"}')).toBe(2);
    expect(now.get('tierkit_retries_total{backend="default/p",reason="upstream_reset"}')).toBe(1);
  });
});

describe('the queue’s outcomes', () => {
  it.each<[DropReason | 'admitted', number, string]>([
    ['admitted', 0, 'Dispatched'],
    ['rejected-saturated', 0, 'RejectedCapacity'],
    ['rejected-no-endpoints', 0, 'RejectedNoEndpoints'],
    ['rejected-no-endpoints', 5, 'EvictedNoEndpoints'],
    ['rejected-ttl-expired', 5, 'EvictedTTL'],
    ['rejected-context-cancelled', 5, 'EvictedContextCancelled'],
    ['rejected-shutting-down', 5, 'EvictedOther'],
    ['evicted-queue-pressure', 5, 'EvictedOther'],
  ])('%s after %d ms is %s', (result, waitedMs, outcome) => {
    const metrics = new Metrics('two');
    const { families } = metrics;
    const pool = new PoolSeries(metrics, 'ns/p');
    pool.turn({ id: 'r', flow: 'f', priority: -1, waitedMs, result });
    expect(families.flowRequests.with(outcome, '-1', 'p', 'ns').value).toBe(1);
    expect(families.flowWait.with('-1', outcome, 'p', 'ns').sum).toBe(waitedMs / 1000);
  });
});
