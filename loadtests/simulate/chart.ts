import type { EChartsOption } from 'echarts';

import type { Row } from './table.ts';

const WIDTH = 1500;
const HEIGHT = 900;

/**
 * Throughput relative to round robin, and the time to first token, by workload and policy.
 *
 * @returns an SVG document
 * @throws Error that says what is missing, where echarts is not installed
 */
export async function chart(rows: readonly Row[], title: string): Promise<string> {
  const { init } = await import('echarts').catch((error: unknown) => {
    throw new Error('--chart needs the package echarts, which is not installed: npm install --save-dev echarts', { cause: error });
  });
  const drawn = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  drawn.setOption(option(rows, title));
  const svg = drawn.renderToSVGString();
  drawn.dispose();
  return svg;
}

function option(rows: readonly Row[], title: string): EChartsOption {
  const workloads = [...new Set(rows.map(({ workload }) => workload))];
  const policies = [...new Set(rows.map(({ policy }) => policy))];
  const find = (workload: string, policy: string): Row | undefined =>
    rows.find((row) => row.workload === workload && row.policy === policy);
  // Without round robin among the rows, the first policy stands for it.
  const base = policies.includes('round-robin') ? 'round-robin' : policies[0]!;
  const throughput = (workload: string, policy: string): number | null => {
    const row = find(workload, policy);
    const of = find(workload, base);
    return row === undefined || of === undefined || of.outputTokensPerS === 0 ? null : row.outputTokensPerS / of.outputTokensPerS;
  };
  const axisLabel = { interval: 0, fontSize: 12 } as const;
  return {
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: title, left: 'center', top: 8, textStyle: { fontSize: 16 } },
    legend: { data: policies, top: 40 },
    grid: [
      { left: 80, right: 30, top: 100, height: 330 },
      { left: 80, right: 30, top: 500, height: 350 },
    ],
    xAxis: [0, 1].map((gridIndex) => ({ type: 'category' as const, gridIndex, data: workloads, axisLabel })),
    yAxis: [
      { type: 'value', gridIndex: 0, name: `output tokens/s, ${base} = 1`, nameLocation: 'middle', nameGap: 50 },
      { type: 'log', gridIndex: 1, min: 0.01, name: 'TTFT p90, s (log)', nameLocation: 'middle', nameGap: 50 },
    ],
    series: policies.flatMap((policy, index) => {
      const color = COLOURS[index % COLOURS.length]!;
      const bars = { type: 'bar' as const, name: policy, itemStyle: { color }, barGap: '0%' };
      return [
        { ...bars, xAxisIndex: 0, yAxisIndex: 0, data: workloads.map((workload) => throughput(workload, policy)) },
        {
          ...bars,
          xAxisIndex: 1,
          yAxisIndex: 1,
          data: workloads.map((workload) => {
            const row = find(workload, policy);
            return row === undefined ? null : Math.max(0.01, row.ttftP90S);
          }),
        },
      ];
    }),
  };
}

/** Apart for colour-blind eyes (Okabe and Ito). */
const COLOURS = ['#999999', '#666666', '#56b4e9', '#0072b2', '#e69f00', '#f0e442', '#009e73', '#000000', '#cc79a7'] as const;
