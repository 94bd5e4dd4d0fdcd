"""The official Anthropic SDK for Python against the quickstart.

    BASE_URL=http://127.0.0.1:1975 python examples/sdk/anthropic_sdk.py

The gateway serves this API under /anthropic; ANTHROPIC_BASE_URL names another address, such as the example upstream itself.
"""

import os

import anthropic

from checks import expect, run

BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:1975")
client = anthropic.Anthropic(
    base_url=os.environ.get("ANTHROPIC_BASE_URL", f"{BASE_URL}/anthropic"),
    api_key="not-needed",
    max_retries=0,
    timeout=30,
)

MODEL = "claude-example"
MAX_TOKENS = 500
HELLO = [{"role": "user", "content": "Hello there"}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOOLS = [
    {
        "name": "get_weather",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city", "days"],
        },
    }
]


def messages_and_count_tokens() -> None:
    answer = client.messages.create(model=MODEL, max_tokens=MAX_TOKENS, messages=HELLO)
    expect("bundled example upstream" in answer.content[0].text, answer)
    expect(answer.stop_reason == "end_turn", answer.stop_reason)
    counted = client.messages.count_tokens(model=MODEL, messages=HELLO)
    expect(counted.input_tokens == answer.usage.input_tokens, counted)


def stream() -> None:
    whole = client.messages.create(model=MODEL, max_tokens=MAX_TOKENS, messages=HELLO)
    with client.messages.stream(model=MODEL, max_tokens=MAX_TOKENS, messages=HELLO) as events:
        text = "".join(events.text_stream)
        final = events.get_final_message()
    expect(text == whole.content[0].text, text)
    expect(final.stop_reason == "end_turn", final)
    expect(final.usage.output_tokens == whole.usage.output_tokens, final.usage)


def raw_stream_order() -> None:
    kinds = [event.type for event in client.messages.create(model=MODEL, max_tokens=MAX_TOKENS, messages=HELLO, stream=True)]
    expect(kinds[:2] == ["message_start", "content_block_start"], kinds)
    expect(kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"], kinds)


def tools_round_trip() -> None:
    question = {"role": "user", "content": "Use get_weather for Berlin."}
    first = client.messages.create(model=MODEL, max_tokens=MAX_TOKENS, messages=[question], tools=TOOLS)
    expect(first.stop_reason == "tool_use", first)
    call = first.content[-1]
    expect(call.input == {"city": "example", "days": 1}, call)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"}
    history = [question, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = client.messages.create(model=MODEL, max_tokens=MAX_TOKENS, messages=history, tools=TOOLS)
    expect('The tool answered: "21 degrees"' in second.content[0].text, second)


def streamed_tool_call() -> None:
    choice = {"type": "tool", "name": "get_weather"}
    with client.messages.stream(model=MODEL, max_tokens=MAX_TOKENS, messages=HELLO, tools=TOOLS, tool_choice=choice) as events:
        call = events.get_final_message().content[0]
    expect(call.type == "tool_use" and call.input == {"city": "example", "days": 1}, call)


def image_input() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    content = [image, {"type": "text", "text": "What is this?"}]
    answer = client.messages.create(model=MODEL, max_tokens=MAX_TOKENS, messages=[{"role": "user", "content": content}])
    expect("Images received: 1." in answer.content[0].text, answer)


def abort_in_the_middle() -> None:
    with client.messages.stream(model=MODEL, max_tokens=MAX_TOKENS, messages=HELLO) as events:
        next(iter(events.text_stream))
    messages_and_count_tokens()


def models_list() -> None:
    names = [model.id for model in client.models.list()]
    expect(MODEL in names, names)


def unknown_model_is_not_found() -> None:
    try:
        client.messages.create(model="no-such-model", max_tokens=MAX_TOKENS, messages=HELLO)
    except anthropic.NotFoundError as error:
        expect("no-such-model" in error.message, error)
        return
    raise AssertionError("no error came")


if __name__ == "__main__":
    run(
        f"anthropic {anthropic.__version__}",
        [
            messages_and_count_tokens,
            stream,
            raw_stream_order,
            tools_round_trip,
            streamed_tool_call,
            image_input,
            abort_in_the_middle,
            models_list,
            unknown_model_is_not_found,
        ],
    )
