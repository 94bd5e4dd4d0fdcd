"""What the official Python SDK sees at an MCP endpoint, as one JSON object.

    python gateway/mcp/python_sdk.py http://127.0.0.1:1975/mcp legacy [SERVER]

The second argument is the SDK's own mode: `legacy` (sessions), `auto` (asks first), or a revision such as 2026-07-28. With SERVER, the
names of the endpoint have that server's prefix.
"""

import asyncio
import json
import sys
from typing import Any

import mcp_types as types
from mcp import Client

URL, MODE = sys.argv[1:3]
SERVER = sys.argv[3] if len(sys.argv) > 3 else None
WATCHED = "test://watched-resource"

asked: list[dict[str, Any]] = []
notified: list[str] = []


def tool(name: str) -> str:
    return name if SERVER is None else f"{SERVER}__{name}"


def located(uri: str) -> str:
    return uri if SERVER is None else f"{SERVER}+{uri}"


def plain(value: Any) -> Any:
    """As the server alone would have said it: without prefixes."""
    text = json.dumps(value)
    return json.loads(text if SERVER is None else text.replace(f'"{SERVER}__', '"').replace(f'"{SERVER}+', '"'))


def dumped(model: Any) -> Any:
    """Without what is about the connection: who answers, and how long an answer may be kept."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"meta", "ttl_ms", "cache_scope", "result_type"})


async def sampling(_context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    asked.append({"sampling": [message.model_dump(mode="json", exclude_none=True) for message in params.messages]})
    return types.CreateMessageResult(role="assistant", model="m", content=types.TextContent(type="text", text="sampled"))


async def elicitation(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    asked.append({"elicitation": params.message})
    return types.ElicitResult(action="accept", content={"response": "elicited"})


async def roots(_context: Any) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[])


async def heard(message: Any) -> None:
    notified.append(getattr(message, "method", type(message).__name__))


async def eventually(word: str) -> bool:
    for _ in range(200):
        if word in notified:
            return True
        await asyncio.sleep(0.05)
    return False


async def watch(client: Client) -> str:
    """What tells of a change of a resource: the session's stream, or a subscription of its own."""
    if client.protocol_version >= "2026":
        async with client.listen(resource_subscriptions=[located(WATCHED)]) as changes:
            await client.call_tool(tool("touch_watched"))
            return plain([change.uri async for change in first(changes)])
    await client.session.subscribe_resource(located(WATCHED))
    await client.call_tool(tool("touch_watched"))
    return [WATCHED] if await eventually("notifications/resources/updated") else []


async def first(changes: Any) -> Any:
    async for change in changes:
        yield change
        return


async def main() -> None:
    progress: list[float] = []

    async def on_progress(done: float, _total: float | None, _message: str | None) -> None:
        progress.append(done)

    callbacks = {"sampling_callback": sampling, "elicitation_callback": elicitation, "list_roots_callback": roots}
    async with Client(URL, mode=MODE, message_handler=heard, **callbacks) as client:
        mine = tool("")
        tools = [each for each in (await client.list_tools()).tools if each.name.startswith(mine)]
        prompts = [each for each in (await client.list_prompts()).prompts if each.name.startswith(mine)]
        resources = [each for each in (await client.list_resources()).resources if each.uri.startswith(located("test:"))]
        templates = (await client.list_resource_templates()).resource_templates
        seen = {
            "version": client.protocol_version,
            "tools": [dumped(each) for each in tools],
            "prompts": [dumped(each) for each in prompts],
            "resources": [dumped(each) for each in resources],
            "templates": [dumped(each) for each in templates if each.uri_template.startswith(located("test:"))],
            "text": dumped(await client.call_tool(tool("test_simple_text"))),
            "image": dumped(await client.call_tool(tool("test_image_content"))),
            "error": dumped(await client.call_tool(tool("test_error_handling"))),
            "arguments": dumped(await client.call_tool(tool("echo"), {"n": 1, "deep": {"list": [None, "ü"]}})),
            "progress": dumped(await client.call_tool(tool("test_tool_with_progress"), progress_callback=on_progress))["isError"],
            "steps": progress,
            "sampling": dumped(await client.call_tool(tool("test_sampling"), {"prompt": "hello"})),
            "elicitation": dumped(await client.call_tool(tool("test_elicitation"), {"message": "who?"})),
            "asked": asked,
            "resource": dumped(await client.read_resource(located("test://static-text"))),
            "binary": dumped(await client.read_resource(located("test://static-binary"))),
            "template": dumped(await client.read_resource(located("test://template/7/data"))),
            "prompt": dumped(await client.get_prompt(tool("test_prompt_with_arguments"), {"arg1": "a", "arg2": "b"})),
            "completion": dumped(
                await client.complete(
                    types.PromptReference(type="ref/prompt", name=tool("test_prompt_with_arguments")), {"name": "arg1", "value": "par"}
                )
            ),
            "changed": await watch(client),
        }
        try:
            await client.call_tool(tool("no_such_tool"))
        except Exception as error:  # the SDK's own type of an error of JSON-RPC
            seen["unknown"] = [type(error).__name__, getattr(error, "code", None)]
    print(json.dumps(plain(seen)))


asyncio.run(main())
