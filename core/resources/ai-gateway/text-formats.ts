import { Type } from '../schema.ts';

/** RFC 3339 date-time; whether the day exists is for {@link isDateTime}. */
export const DateTime = Type.String({
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$',
  description: 'RFC 3339 time such as 2026-01-31T12:00:00Z',
});

/** Whether a text that fits {@link DateTime} is a time of the calendar: 30 February is not. */
export function isDateTime(text: string): boolean {
  if (Number.isNaN(Date.parse(text))) return false;
  // Date.parse carries a day that the month does not have over into the next month.
  const day = text.slice(0, 10);
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}

/** An absolute URI (RFC 3986). */
export const Uri = Type.String({
  pattern: '^[A-Za-z][A-Za-z0-9+.-]*:[^\\s]+$',
  description: 'absolute URI such as https://auth.example.com',
});
