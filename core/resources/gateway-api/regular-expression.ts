import { RE2JS } from 're2js';

import type { Report } from '../kind.ts';

/** Reports a pattern that RE2, by which every match of a route is decided, cannot read. Lookarounds and back references are such. */
export function checkRegularExpression(pattern: string, path: string, report: Report): void {
  try {
    RE2JS.compile(pattern);
  } catch (error) {
    report(path, `${JSON.stringify(pattern)} is no RE2 regular expression: ${(error as Error).message}`);
  }
}
