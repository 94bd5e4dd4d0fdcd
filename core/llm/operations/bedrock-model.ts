import type { IncomingHttpHeaders } from 'node:http';

import { inputUsage } from './input-usage.ts';
import type { Usage } from '../usage.ts';

const SEVERAL_REGIONS = /^(?:us|us-gov|eu|apac|jp|au|ca|global)\./;
/** Its company, and what that calls it. */
const NAMED = /^[a-z0-9]+\.[^.]/;

/**
 * What a model of Bedrock is called without the region of its inference profile, out of its id or out of an ARN that has it. A profile of
 * an application, or provisioned throughput, does not say which model it leads to.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
 */
export function bedrockModel(id: string): string | undefined {
  const name = id.slice(id.lastIndexOf('/') + 1).replace(SEVERAL_REGIONS, '');
  return NAMED.test(name) ? name : undefined;
}

const DIGITS = /^\d{1,15}$/;

/** Tokens of the input of a model whose own answer says nothing of them. */
export function bedrockInputUsage(headers: IncomingHttpHeaders): Usage | undefined {
  const value = headers['x-amzn-bedrock-input-token-count'];
  return typeof value === 'string' && DIGITS.test(value) ? inputUsage(Number(value)) : undefined;
}
