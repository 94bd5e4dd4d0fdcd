import type { JsonObjectScan } from '../../json/scan.ts';
import type { Addressed } from '../codec.ts';
import type { Block, Conversation, Turn } from '../conversation.ts';
import { badRequest, Fields } from '../fields.ts';
import { Losses } from '../losses.ts';
import { configIn } from './decode-config.ts';
import { listedIn, partsIn, type Reading } from './decode-parts.ts';
import { choiceIn, extrasIn, toolsIn } from './decode-tools.ts';
import { camelCased } from './names.ts';

/**
 * Reads the body of POST …/models/{model}:generateContent and :streamGenerateContent, of the Gemini API or of Vertex AI.
 * @see https://ai.google.dev/api/generate-content
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
 * @throws GatewayError TK_BAD_REQUEST
 */
export function decodeRequest(body: JsonObjectScan, addressed?: Addressed): Conversation {
  const request = new Fields(camelCased(JSON.parse(body.bytes.toString('utf8', body.open)) as object), '');
  const losses = new Losses();
  // Some clients say again what the path says.
  const named = request.text('model');
  const model = addressed?.model ?? named;
  if (model === undefined) throw badRequest('model', 'is required');
  const instruction = request.object('systemInstruction');
  const from = reading(losses);
  const system = instruction === undefined ? [] : systemIn(instruction, from);
  const turns = turnsIn(request, from);
  const { tools, search, extras } = toolsIn(request, losses);
  const toolConfig = request.object('toolConfig');
  const toolChoice = choiceIn(toolConfig?.object('functionCallingConfig'), losses);
  const config = request.object('generationConfig');
  return {
    source: 'gemini',
    model,
    system,
    turns,
    tools,
    toolChoice,
    search,
    parallelTools: undefined,
    ...configIn(config, losses),
    stream: addressed?.stream ?? false,
    user: undefined,
    serviceTier: undefined,
    extras: new Map([...extras, ...[toolConfig, config].flatMap((of) => (of === undefined ? [] : extrasIn(of))), ...request.left()]),
    losses: losses.list(),
  };
}

function systemIn(instruction: Fields, from: Reading): readonly Block[] {
  instruction.raw('role');
  const blocks = partsIn(instruction, from);
  from.losses.dropLeft(instruction);
  return blocks;
}

function turnsIn(request: Fields, from: Reading): readonly Turn[] {
  const contents = listedIn(request, 'contents');
  if (contents.length === 0) throw badRequest('contents', 'needs one content or more');
  return contents.map((content) => {
    const role = content.text('role') ?? 'user';
    // What results of functions once came from.
    if (role !== 'user' && role !== 'model' && role !== 'function') throw content.wrong('role', `must be user or model, not "${role}"`);
    const blocks = partsIn(content, from);
    from.losses.dropLeft(content);
    return { role: role === 'model' ? 'assistant' : 'user', blocks };
  });
}

/** Calls have ids with newer models alone: without, a result is that of the first call of its name that has none. */
function reading(losses: Losses): Reading {
  let count = 0;
  let open: { readonly id: string; readonly name: string }[] = [];
  return {
    losses,
    callId(given, name) {
      const id = given ?? `call_${count}`;
      count++;
      open.push({ id, name });
      return id;
    },
    resultId(given, name) {
      const answered = open.find((call) => (given === undefined ? call.name === name : call.id === given));
      open = open.filter((call) => call !== answered);
      return given ?? answered?.id ?? name;
    },
  };
}
