import type { StreamEvent } from '#core/llm/codec';
import { editObject } from '#core/json/edit';
import { type JsonObjectScan, scanObject } from '#core/json/scan';

/** Objects that carry the model of an answer in events of the responses and messages APIs. */
const CARRIERS = ['response', 'message'];
const OPEN_OBJECT = 0x7b;

/** The answer with the name by which the client asked for the model. @param model as JSON text */
export function restoreModel(scan: JsonObjectScan, model: string): Buffer {
  const edits = [];
  if (scan.type('model') === 'string') edits.push({ set: 'model', value: model });
  for (const carrier of CARRIERS) {
    if (scan.type(carrier) !== 'object') continue;
    const inner = scanObject(scan.slice(carrier)!);
    if (inner.type('model') === 'string') edits.push({ set: carrier, value: editObject(inner, [{ set: 'model', value: model }]) });
  }
  return editObject(scan, edits);
}

/** An event with the name by which the client asked for the model. @param model as JSON text */
export function restoreModelInEvent(raw: Buffer, event: StreamEvent, model: string): Buffer {
  const { data } = event;
  if (data === undefined || data[0] !== OPEN_OBJECT || !data.includes('"model"')) return raw;
  const restored = restoreModel(scanObject(data), model);
  if (restored === data) return raw;
  const name = event.type === 'message' ? '' : `event: ${event.type}\n`;
  return Buffer.concat([Buffer.from(`${name}data: `), restored, Buffer.from('\n\n')]);
}
