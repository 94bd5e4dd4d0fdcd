// For tests: what an operation asks of a backend, and what it makes of the answer, as they go over the wire.
import type { IncomingHttpHeaders } from 'node:http';

import { array, constantFrom, integer, jsonValue, oneof, property, tuple, type IProperty } from 'fast-check';

import { UnacceptableAnswer } from '../../attempt/failure.ts';
import { GatewayError } from '../../errors.ts';
import { scanObject } from '../../json/scan.ts';
import type { Encoded } from '../codec.ts';
import { mutated, orRefused } from '../fuzz.fixture.ts';
import type { Operation } from '../operation.ts';
import type { Usage } from '../usage.ts';

const scan = (value: unknown) => scanObject(Buffer.from(JSON.stringify(value)));
const written = (value: unknown) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
const asObject = (value: unknown) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { value });
const told = ({ losses }: Encoded) => losses.map(({ path, what }) => `${what} ${path}`).sort();

interface Asked {
  readonly verb: string;
  readonly body: Record<string, unknown>;
  readonly losses: readonly string[];
}

export function asked(operation: Operation, model: string, request: object): Asked {
  const prepared = operation.encode(scan(request), model);
  return { verb: prepared.verb, body: written(prepared.body), losses: told(prepared) };
}

interface Answered {
  readonly body: Record<string, unknown>;
  readonly losses: readonly string[];
  readonly usage: Usage | undefined;
}

export function answered(
  operation: Operation,
  model: string,
  request: object,
  answer: object,
  headers: IncomingHttpHeaders = {},
): Answered {
  const found = operation.encode(scan(request), model).decode(scan(answer), headers);
  return { body: written(found.body), losses: told(found), usage: found.usage };
}

/** What a refusal says, and of which field. */
export function refusal(act: () => unknown): readonly [code: string, param: string | undefined] {
  try {
    act();
  } catch (error) {
    if (error instanceof GatewayError) return [error.code, error.param];
    throw error;
  }
  throw new Error('nothing was refused');
}

const STRANGE = oneof(jsonValue({ maxDepth: 3 }), constantFrom(null, [], {}, [null], '', 'x', -1, 1e300, { __proto__: null, toString: 1 }));
const CHANGE = tuple(array(integer({ min: 0, max: 20 }), { maxLength: 6 }), STRANGE);

/** Says that no request and no answer, however strange, has another end than the two kinds of refusal. */
export function endures(operation: Operation, models: readonly string[], request: object, answer: object): IProperty<unknown> {
  return property(tuple(CHANGE, CHANGE, constantFrom(...models)), ([[way, put], [answerWay, answerPut], model]) => {
    orRefused(GatewayError, () => JSON.stringify(operation.encode(scan(asObject(mutated(request, way, put))), model).body));
    const prepared = operation.encode(scan(request), model);
    orRefused(UnacceptableAnswer, () => JSON.stringify(prepared.decode(scan(asObject(mutated(answer, answerWay, answerPut))), {}).body));
  });
}
