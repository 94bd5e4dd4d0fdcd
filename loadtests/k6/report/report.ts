import type { Samples } from '../platform/watch.ts';
import type { Plan } from '../plan/plan.ts';
import { type Chart, chartsOf } from './chart.ts';
import { readResults, type Results } from './figures.ts';
import { findingsOf } from './findings.ts';
import { figuresTable, processTable, type Table } from './table.ts';

/** How a run came about. */
export interface About {
  readonly date: string;
  readonly machine: string;
  readonly k6: string;
  readonly command: string;
  /** What the load was for. */
  readonly target: string;
  /** Whether k6 could see streams as they come. */
  readonly canStream: boolean;
  /** Tiers that were wanted and have no address. */
  readonly leftOut: readonly string[];
}

/** All of a report; markdown.ts and html.ts write it down. */
export interface Report {
  readonly title: string;
  readonly question: string;
  readonly about: readonly string[];
  readonly verdict: string;
  readonly crossed: readonly string[];
  readonly findings: readonly string[];
  readonly tables: readonly Table[];
  readonly charts: readonly Chart[];
}

/** @param summary what k6 wrote with `--summary-export` @throws InvalidSummary */
export function reportOf(summary: unknown, plan: Plan, about: About, samples: Samples, tokensAnHour: number | undefined): Report {
  const results = readResults(summary, plan);
  const processes = processTable(samples);
  return {
    title: `Load: ${plan.scenario.name}`,
    question: plan.scenario.question,
    about: aboutLines(plan, about),
    verdict: verdictOf(results),
    crossed: results.crossed,
    findings: findingsOf(plan, results, samples, tokensAnHour),
    tables: [figuresTable(results.figures), ...(processes.rows.length === 0 ? [] : [processes])],
    charts: chartsOf(plan, results.figures, samples),
  };
}

function verdictOf({ crossed }: Results): string {
  return crossed.length === 0 ? 'Passed: no threshold was crossed.' : `Failed: ${crossed.length} thresholds were crossed.`;
}

function aboutLines({ settings, scenario }: Plan, about: About): string[] {
  const { ttftMs, tpotMs, model, maxTokens, seconds, rate } = settings;
  return [
    `${about.date}, ${about.machine}, ${about.k6}`,
    `Command: ${about.command}`,
    `Load: ${scenario.name}, ${seconds} s, ${rate} a second, answers of ${maxTokens} tokens of ${model}; ${about.target}`,
    `Objectives: first token in ${ttftMs} ms, ${tpotMs} ms for each further token. Goodput: the share of what was due that met both.`,
    ...(about.canStream
      ? []
      : ['This k6 has no k6/x/sse: streams were read as a whole, so there are no times to the first token and no gaps.']),
    ...(about.leftOut.length === 0 ? [] : [`Left out, since there is no address: ${about.leftOut.join(', ')}.`]),
  ];
}
