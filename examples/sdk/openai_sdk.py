"""The official OpenAI SDK for Python against the quickstart.

    BASE_URL=http://127.0.0.1:1975 python examples/sdk/openai_sdk.py
"""

import base64
import json
import os

import openai

from checks import expect, run

BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:1975")
client = openai.OpenAI(base_url=f"{BASE_URL}/v1", api_key="not-needed", max_retries=0, timeout=30)

MODEL = "example-chat"
HELLO = [{"role": "user", "content": "Hello there"}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}]


def chat() -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO)
    expect("bundled example upstream" in answer.choices[0].message.content, answer)
    expect(answer.choices[0].finish_reason == "stop", answer.choices[0].finish_reason)
    expect(answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer.usage)


def chat_stream_with_usage() -> None:
    whole = client.chat.completions.create(model=MODEL, messages=HELLO)
    chunks = list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    expect(text == whole.choices[0].message.content, text)
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason]
    expect(reasons == ["stop"], reasons)
    expect(chunks[-1].choices == [] and chunks[-1].usage == whole.usage, chunks[-1])


def tools_round_trip() -> None:
    question = {"role": "user", "content": "Use get_weather for Berlin."}
    first = client.chat.completions.create(model=MODEL, messages=[question], tools=TOOLS).choices[0]
    expect(first.finish_reason == "tool_calls", first)
    call = first.message.tool_calls[0]
    expect(json.loads(call.function.arguments) == {"city": "example", "days": 1}, call)
    messages = [question, first.message, {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS).choices[0]
    expect('The tool answered: "21 degrees"' in second.message.content, second)


def streamed_tool_call() -> None:
    choice = {"type": "function", "function": {"name": "get_weather"}}
    with client.chat.completions.stream(model=MODEL, messages=HELLO, tools=TOOLS, tool_choice=choice) as stream:
        call = stream.get_final_completion().choices[0].message.tool_calls[0]
    expect(json.loads(call.function.arguments) == {"city": "example", "days": 1}, call)


def image_input() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    content = [{"type": "text", "text": "What is this?"}, image]
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
    expect("Images received: 1." in answer.choices[0].message.content, answer)


def abort_in_the_middle() -> None:
    stream = client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    next(iter(stream))
    stream.close()
    chat()


def embeddings() -> None:
    coded = client.embeddings.create(model="example-embed", input=["one", "two"], dimensions=32)
    plain = client.embeddings.create(model="example-embed", input=["one", "two"], dimensions=32, encoding_format="float")
    expect([len(item.embedding) for item in coded.data] == [32, 32], coded)
    pairs = [pair for a, b in zip(coded.data, plain.data) for pair in zip(a.embedding, b.embedding)]
    expect(all(abs(a - b) < 1e-6 for a, b in pairs), pairs)


def responses() -> None:
    answer = client.responses.create(model=MODEL, input="Hello there")
    expect('"Hello there"' in answer.output_text and answer.status == "completed", answer)
    counted = client.responses.input_tokens.count(model=MODEL, input="Hello there")
    expect(counted.input_tokens == answer.usage.input_tokens, counted)


def responses_stream() -> None:
    events = list(client.responses.create(model=MODEL, input="Hello there", stream=True))
    expect(events[0].type == "response.created" and events[-1].type == "response.completed", events)
    expect([event.sequence_number for event in events] == list(range(len(events))), events)
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    expect(text == events[-1].response.output_text, text)


def responses_function_round_trip() -> None:
    tools = [{"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": False}]
    question = {"role": "user", "content": "Use get_weather"}
    call = client.responses.create(model=MODEL, input=[question], tools=tools).output[0]
    expect(call.type == "function_call", call)
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
    second = client.responses.create(model=MODEL, input=[question, call, output], tools=tools)
    expect('The tool answered: "rain"' in second.output_text, second)


def images_generate() -> None:
    answer = client.images.generate(model="example-image", prompt="A boat")
    expect(base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG"), answer)


def audio_speech_and_upload() -> None:
    wav = client.audio.speech.create(model="example-tts", voice="alloy", input="Hello there", response_format="wav").content
    expect(wav.startswith(b"RIFF"), wav[:16])
    heard = client.audio.transcriptions.create(model="example-whisper", file=("hello.wav", wav))
    expect(f'"hello.wav" of {len(wav)} bytes' in heard.text, heard)
    translated = client.audio.translations.create(model="example-whisper", file=("hallo.wav", wav))
    expect(f'"hallo.wav" of {len(wav)} bytes' in translated.text, translated)


def models_list() -> None:
    names = {model.id for model in client.models.list()}
    expect({"example-chat", "example-embed", "example-image", "example-tts", "example-whisper"} <= names, names)


def unknown_model_is_not_found() -> None:
    try:
        client.chat.completions.create(model="no-such-model", messages=HELLO)
    except openai.NotFoundError as error:
        expect("no-such-model" in error.message, error)
        return
    raise AssertionError("no error came")


if __name__ == "__main__":
    run(
        f"openai {openai.__version__}",
        [
            chat,
            chat_stream_with_usage,
            tools_round_trip,
            streamed_tool_call,
            image_input,
            abort_in_the_middle,
            embeddings,
            responses,
            responses_stream,
            responses_function_round_trip,
            images_generate,
            audio_speech_and_upload,
            models_list,
            unknown_model_is_not_found,
        ],
    )
