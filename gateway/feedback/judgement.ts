import { GatewayError } from '#core/errors';
import { type JsonObjectScan, JsonSyntaxError, scanObject } from '#core/json/scan';
import { didYouMean } from '#core/resources/nearest';

/** Bytes of a body. */
export const MOST_BYTES = 64 * 1024;
const MOST_EXPLAINED_BYTES = 8 * 1024;
const MOST_METADATA_BYTES = 8 * 1024;
const MOST_CHARACTERS = 128;
const MAX_DEPTH = 16;

const KINDS = ['HUMAN', 'LLM', 'CODE'] as const;
const FIELDS = ['request_id', 'name', 'score', 'label', 'explanation', 'annotator_kind', 'identifier', 'metadata'] as const;
type Field = (typeof FIELDS)[number];

/** What a client thinks of an answer, as an annotation of OpenInference has it. */
export interface Judgement {
  /** Of the model call that is judged. */
  readonly requestId: string;
  readonly name: string;
  readonly annotatorKind: (typeof KINDS)[number];
  readonly score: number | undefined;
  readonly label: string | undefined;
  readonly explanation: string | undefined;
  /** Tells judgements of one name apart. */
  readonly identifier: string | undefined;
  /** A JSON object, as the client wrote it: so its numbers stay what they are. */
  readonly metadata: string | undefined;
}

/** Reads the body of a request. A field that is null counts as absent. @throws GatewayError TK_BAD_JSON */
export function readJudgement(body: Buffer): Judgement {
  const scan = scanned(body);
  for (const { name } of scan.members) {
    if (!(FIELDS as readonly string[]).includes(name))
      throw wrong(`the body has the field "${name.slice(0, 60)}", which feedback has not${didYouMean(name.slice(0, 60), FIELDS)}`);
  }
  const twice = scan.duplicates[0];
  if (twice !== undefined) throw wrong(`the body has "${twice}" twice`, twice);
  const judgement = {
    requestId: requestIdOf(scan),
    name: nameOf(scan),
    annotatorKind: kindOf(scan),
    score: scoreOf(scan),
    label: textOf(scan, 'label', MOST_CHARACTERS),
    explanation: explanationOf(scan),
    identifier: textOf(scan, 'identifier', MOST_CHARACTERS),
    metadata: metadataOf(scan),
  };
  const { score, label, explanation } = judgement;
  if (score === undefined && label === undefined && explanation === undefined)
    throw wrong('the body says nothing of the answer: it needs "score", "label" or "explanation"');
  return judgement;
}

function scanned(body: Buffer): JsonObjectScan {
  try {
    return scanObject(body, { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw wrong(body.length === 0 ? 'the body is empty; a JSON object is needed' : `the body is no JSON object: ${error.message}`);
  }
}

function wrong(message: string, param?: string): GatewayError {
  return new GatewayError('TK_BAD_JSON', message, param === undefined ? {} : { param });
}

function isAbsent(scan: JsonObjectScan, field: Field): boolean {
  const type = scan.type(field);
  return type === undefined || type === 'null';
}

function stringOf(scan: JsonObjectScan, field: Field): string | undefined {
  if (isAbsent(scan, field)) return undefined;
  const text = scan.string(field);
  if (text === undefined) throw wrong(`"${field}" must be a string, not ${scan.type(field)}`, field);
  if (text.trim() === '') throw wrong(`"${field}" is empty; leave it out where there is nothing to say`, field);
  checkText(text, field);
  return text;
}

/** Phoenix fails on half a surrogate pair, and its database may not take NUL. */
function checkText(text: string, field: Field): void {
  if (text.includes('\u0000')) throw wrong(`"${field}" has a NUL character in it`, field);
  if (!text.isWellFormed()) throw wrong(`"${field}" has half a character in it (a lone surrogate)`, field);
}

/** A text of one line. */
function textOf(scan: JsonObjectScan, field: Field, most: number): string | undefined {
  const text = stringOf(scan, field);
  if (text === undefined) return undefined;
  if (text.length > most) throw wrong(`"${field}" has ${text.length} characters; it may have ${most}`, field);
  if (/\p{Cc}/u.test(text)) throw wrong(`"${field}" must be one line without control characters`, field);
  return text;
}

function requestIdOf(scan: JsonObjectScan): string {
  const text = stringOf(scan, 'request_id');
  if (text === undefined)
    throw wrong(
      'the body has no "request_id": it is what x-tierkit-request-id of the answer says, or the x-request-id that you sent',
      'request_id',
    );
  // As the pipeline takes it from a client.
  if (!/^[\w\-.:/+=]{1,128}$/.test(text))
    throw wrong('"request_id" must be 1 to 128 of the characters A-Z a-z 0-9 _ - . : / + =', 'request_id');
  return text;
}

function nameOf(scan: JsonObjectScan): string {
  const name = textOf(scan, 'name', MOST_CHARACTERS) ?? 'user_feedback';
  if (name === 'note') throw wrong('"name" must not be "note": Phoenix keeps it for the notes of its own pages', 'name');
  return name;
}

function kindOf(scan: JsonObjectScan): Judgement['annotatorKind'] {
  const text = stringOf(scan, 'annotator_kind') ?? 'HUMAN';
  const kind = KINDS.find((known) => known === text);
  if (kind !== undefined) return kind;
  const given = text.slice(0, 60);
  throw wrong(`"annotator_kind" must be HUMAN, LLM or CODE, not "${given}"${didYouMean(given, KINDS)}`, 'annotator_kind');
}

function scoreOf(scan: JsonObjectScan): number | undefined {
  if (isAbsent(scan, 'score')) return undefined;
  const score = scan.number('score');
  if (score === undefined) throw wrong(`"score" must be a number, not ${scan.type('score')}`, 'score');
  if (!Number.isFinite(score)) throw wrong('"score" is larger than a number can be', 'score');
  return score;
}

function explanationOf(scan: JsonObjectScan): string | undefined {
  const text = stringOf(scan, 'explanation');
  const bytes = text === undefined ? 0 : Buffer.byteLength(text);
  if (bytes > MOST_EXPLAINED_BYTES) throw wrong(`"explanation" has ${bytes} bytes; it may have ${MOST_EXPLAINED_BYTES}`, 'explanation');
  return text;
}

function metadataOf(scan: JsonObjectScan): string | undefined {
  if (isAbsent(scan, 'metadata')) return undefined;
  if (scan.type('metadata') !== 'object') throw wrong(`"metadata" must be an object, not ${scan.type('metadata')}`, 'metadata');
  const bytes = scan.slice('metadata')!;
  if (bytes.length > MOST_METADATA_BYTES)
    throw wrong(`"metadata" has ${bytes.length} bytes; it may have ${MOST_METADATA_BYTES}`, 'metadata');
  checkValue(scan.parse('metadata'));
  return bytes.toString();
}

function checkValue(value: unknown): void {
  if (typeof value === 'string') checkText(value, 'metadata');
  else if (typeof value === 'number' && !Number.isFinite(value)) throw wrong('"metadata" has a number that is too large', 'metadata');
  else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      checkText(name, 'metadata');
      checkValue(member);
    }
  }
}
