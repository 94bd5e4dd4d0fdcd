/** A number that is compared with a limit. The value alone is a query too: with data there it must not be empty. */
export interface Condition {
  /** PromQL. */
  readonly value: string;
  readonly is: '>' | '>=' | '<' | '==';
  readonly than: number;
}

/** An alert as Prometheus evaluates it; where it has several conditions, all must hold for the same labels. */
export interface Alert {
  readonly name: string;
  readonly conditions: readonly Condition[];
  /** Instead of the conditions, for what is not there at all. */
  readonly absent?: string;
  /** How long it must hold, as a Prometheus duration. */
  readonly for: string;
  /** `page` wakes somebody; `ticket` waits for the next working day. */
  readonly severity: 'page' | 'ticket';
  readonly summary: string;
  /** May use `{{ $labels.x }}` and `{{ $value }}`. */
  readonly description: string;
  /** Its numbers are there only where somebody configured what it is about. */
  readonly mayBeEmpty?: boolean;
}

export interface AlertGroup {
  readonly name: string;
  readonly alerts: readonly Alert[];
}

export function expressionOf({ conditions, absent }: Alert): string {
  if (absent !== undefined) return `absent(${absent})`;
  return conditions
    .map(({ value, is, than }) => (conditions.length > 1 ? `(${value} ${is} ${than})` : `${value} ${is} ${than}`))
    .join('\nand\n');
}

/** Queries of which each must have an answer wherever the metrics are scraped. */
export function queriesOf({ conditions, absent }: Alert): readonly string[] {
  return absent === undefined ? conditions.map(({ value }) => value) : [absent];
}

/** Share of one rate in another one; 0 where nothing of the first kind was ever counted. */
export function share(part: string, whole: string): string {
  return `(${part} or ${whole} * 0) / (${whole} > 0)`;
}
