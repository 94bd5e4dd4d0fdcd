import { REDACTED, type Redaction } from '../redaction.ts';
import type { AttributeSink } from '../trace/attributes.ts';
import { shownUrl } from '../trace/content/body.ts';
import type { SeenMessage, SeenPart } from '../trace/content/model.ts';

/** Messages of one side of a conversation that are told; of more, the first and the last ones. */
const MOST_MESSAGES = 256;

/** Which parts of a message are hidden. */
interface Hidden {
  readonly text: boolean;
  readonly images: boolean;
  readonly redaction: Redaction;
}

/** `llm.input_messages` and `llm.output_messages`: a message that is one text has it as its content, any other one as its contents. */
export function setMessages(sink: AttributeSink, side: 'input' | 'output', messages: readonly SeenMessage[], redaction: Redaction): void {
  const { hides } = redaction;
  const isInput = side === 'input';
  if (isInput ? hides.HIDE_INPUTS || hides.HIDE_INPUT_MESSAGES : hides.HIDE_OUTPUTS || hides.HIDE_OUTPUT_MESSAGES) return;
  const hidden = {
    text: isInput ? hides.HIDE_INPUT_TEXT : hides.HIDE_OUTPUT_TEXT,
    images: isInput && hides.HIDE_INPUT_IMAGES,
    redaction,
  };
  const skipped = messages.length - MOST_MESSAGES;
  if (skipped > 0) sink.cut();
  for (const [index, message] of messages.entries()) {
    if (sink.full) break;
    if (skipped > 0 && index >= MOST_MESSAGES / 2 && index < MOST_MESSAGES / 2 + skipped) continue;
    setMessage(sink, `llm.${side}_messages.${index}.message.`, message, hidden);
  }
}

function setMessage(sink: AttributeSink, prefix: string, { role, name, parts }: SeenMessage, hidden: Hidden): void {
  sink.set(`${prefix}role`, role);
  sink.set(`${prefix}name`, name);
  const shown = (text: string): string => (hidden.text ? REDACTED : text);
  const results = parts.filter((part) => part.type === 'tool_result');
  const said = parts.filter((part) => part.type !== 'tool_call' && part.type !== 'tool_result');
  let calls = 0;
  for (const part of parts) {
    if (part.type !== 'tool_call') continue;
    const call = `${prefix}tool_calls.${calls++}.tool_call.`;
    sink.set(`${call}id`, part.id);
    sink.set(`${call}function.name`, part.name);
    sink.set(`${call}function.arguments`, shown(part.arguments));
  }
  if (results.length === 1 && said.length === 0) {
    sink.set(`${prefix}tool_call_id`, results[0]!.id);
    sink.set(`${prefix}content`, shown(results[0]!.text));
    return;
  }
  const only = said.length === 1 && results.length === 0 ? said[0] : undefined;
  if (only?.type === 'text') {
    sink.set(`${prefix}content`, shown(only.text));
    return;
  }
  let at = 0;
  for (const part of parts) if (part.type !== 'tool_call') setPart(sink, `${prefix}contents.${at++}.message_content.`, part, hidden);
}

function setPart(sink: AttributeSink, prefix: string, part: SeenPart, { text, images, redaction }: Hidden): void {
  const shown = (value: string): string => (text ? REDACTED : value);
  switch (part.type) {
    case 'text':
    case 'tool_result':
      sink.set(`${prefix}type`, 'text');
      sink.set(`${prefix}text`, shown(part.text));
      break;
    case 'reasoning':
      sink.set(`${prefix}type`, 'reasoning');
      sink.set(`${prefix}text`, shown(part.text));
      sink.set(`${prefix}signature`, part.signature);
      break;
    case 'image':
      sink.set(`${prefix}type`, 'image');
      sink.set(`${prefix}image.image.url`, images ? REDACTED : shownUrl(part.url, redaction));
      break;
    case 'audio':
      sink.set(`${prefix}type`, 'audio');
      sink.set(`${prefix}audio.audio.url`, text ? REDACTED : shownUrl(part.url, redaction));
      break;
    case 'file':
      sink.set(`${prefix}type`, 'file');
      if (part.name !== undefined) sink.set(`${prefix}text`, shown(part.name));
      break;
    case 'other':
      sink.set(`${prefix}type`, part.kind);
      break;
    case 'tool_call':
      // Told beside the contents.
      break;
  }
}
