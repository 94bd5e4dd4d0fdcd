import { safeText } from '../redaction.ts';
import { headerOf, type HeaderSource } from '../request-header.ts';
import type { Env, Problem } from '../sdk-settings.ts';
import { headerAttributes } from '../trace/header-attributes.ts';
import { LabelCap } from './label-cap.ts';
import { GEN_AI_METRICS } from './table.ts';

/** A header of requests that is a label of the reference's four metrics. */
export interface HeaderLabel {
  /** Lower case. */
  readonly header: string;
  /** Its name in OTLP, such as `tenant.id`. */
  readonly attribute: string;
  /** Its name at /metrics, such as `tenant_id`. */
  readonly label: string;
}

const ALL = 'OTEL_AIGW_REQUEST_HEADER_ATTRIBUTES';
const OWN = 'OTEL_AIGW_METRICS_REQUEST_HEADER_ATTRIBUTES';
/** The reference never has it on metrics, wherever it is mapped. */
const SESSION = 'session.id';

/** Labels that these metrics have already, or that Prometheus gives a meaning to. */
const TAKEN: ReadonlySet<string> = new Set([...GEN_AI_METRICS.flatMap(({ labels }): readonly string[] => labels), 'le', 'quantile']);

/**
 * The headers that become labels, by the reference's settings: those of OTEL_AIGW_REQUEST_HEADER_ATTRIBUTES, then those of
 * OTEL_AIGW_METRICS_REQUEST_HEADER_ATTRIBUTES, which win. `session.id` of the former is for spans and logs alone.
 * @param problem told what is wrong with a setting
 */
export function headerLabels(env: Env, problem: Problem): readonly HeaderLabel[] {
  const named = new Map<string, string>();
  const labels: HeaderLabel[] = [];
  const own = new Set(headerAttributes({ [OWN]: env[OWN] }, 'METRICS', () => undefined).map(({ header }) => header));
  for (const { header, attribute } of headerAttributes(env, 'METRICS', problem)) {
    const setting = own.has(header) ? OWN : ALL;
    if (attribute === SESSION) {
      if (setting === OWN) problem(`${OWN}: ${SESSION} has a new value for each conversation, so it is no label: spans and logs have it`);
      continue;
    }
    const label = attribute.replaceAll(/[^\w]/g, '_');
    if (!/^[a-zA-Z](?!.*__)\w*$/.test(label)) problem(`${setting}: "${attribute}" cannot be the name of a label`);
    else if (TAKEN.has(label)) problem(`${setting}: "${attribute}" would be the label ${label}, which these metrics have already`);
    else if (named.has(label)) problem(`${setting}: ${named.get(label)} and ${header} would both be the label ${label}`);
    else labels.push({ header, attribute, label });
    named.set(label, header);
  }
  return labels;
}

/** Values of one header that have series of their own. */
const MOST = 200;

/** A value that looks like a key is not shown. */
function isHarmless(value: string): boolean {
  return safeText(value) === value;
}

/** The values of headers that are labels: bounded in number, and without what looks like a key. */
export class HeaderValues {
  readonly labels: readonly HeaderLabel[];
  readonly #caps: readonly LabelCap[];

  /** @param onEvict told of a value that has lost its place */
  constructor(labels: readonly HeaderLabel[], onEvict: (label: string, value: string) => void) {
    this.labels = labels;
    this.#caps = labels.map(({ label }) => new LabelCap({ most: MOST, accepts: isHarmless, onEvict: (value) => onEvict(label, value) }));
  }

  /**
   * Puts the values behind those that are there; an absent header is an empty one.
   * @param takes whether a new value may take a place
   * @param now milliseconds of a clock that does not go back
   */
  addTo(values: string[], request: HeaderSource, takes: boolean, now: number): void {
    for (let at = 0; at < this.labels.length; at++) {
      const value = headerOf(request, this.labels[at]!.header);
      values.push(value === undefined || value === '' ? '' : this.#caps[at]!.of(value, now, takes));
    }
  }
}
