import { isDateTime } from '../ai-gateway/text-formats.ts';
import { Type } from '../schema.ts';

/** RFC 3339 full-date. YAML needs quotes around it, or takes it for a time. */
export const Day = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$', description: 'date in quotes such as "2026-01-31"' });

/** Whether a text that fits {@link Day} is a day of the calendar. */
export function isDay(day: string): boolean {
  return isDateTime(`${day}T00:00:00Z`);
}

/** When a valid {@link Day} begins in UTC, in ms since 1970. */
export function dayStart(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}
