"""The MCP server under the official Python client."""

import asyncio
import json
import os
import pathlib

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

EXECKIT = pathlib.Path(__file__).parents[3] / "build" / "execkit"


def test_session():
    async def main():
        server = StdioServerParameters(command=str(EXECKIT), args=["mcp"], env=dict(os.environ))
        async with stdio_client(server) as (read, write), ClientSession(read, write) as client:
            await client.initialize()
            tools = [tool.name for tool in (await client.list_tools()).tools]
            assert tools == sorted(tools) and "session_exec" in tools
            created = await client.call_tool("session_create", {})
            session_id = created.structured_content["session_id"]
            # The client checks the structured content against the tool's output schema.
            done = await client.call_tool("session_exec", {"session_id": session_id, "command": "v=1; echo a; (exit 3)"})
            assert not done.is_error and done.structured_content["exit_code"] == 3
            assert json.loads(done.content[0].text) == done.structured_content
            late = await client.call_tool("session_exec", {"session_id": session_id, "command": "echo $v; sleep 60", "timeout_secs": 0.2})
            assert not late.is_error and late.structured_content["timed_out"] and late.structured_content["stdout"] == "1\n"
            refused = await client.call_tool("session_exec", {"session_id": "nope", "command": "true"})
            assert refused.is_error and "session_not_found" in refused.content[0].text
            await client.call_tool("session_destroy", {"session_id": session_id})

    asyncio.run(main())


def test_output_as_it_comes(tmp_path):
    """Log notifications say what a command writes while it runs, redacted, once the client has set a level."""
    door = tmp_path / "door"
    told = []
    heard = asyncio.Event()

    async def listen(params):
        told.append(params.data)
        if "step one" in "".join(d.get("text", "") for d in told):
            heard.set()

    async def main():
        server = StdioServerParameters(command=str(EXECKIT), args=["mcp"], env=dict(os.environ))
        async with stdio_client(server) as (read, write), ClientSession(read, write, logging_callback=listen) as client:
            await client.initialize()
            session_id = (await client.call_tool("session_create", {})).structured_content["session_id"]
            await client.call_tool("session_exec", {"session_id": session_id, "command": "echo before"})
            assert told == []
            await client.set_logging_level("info")
            command = f"printf 'key %s.\\nstep one\\n' AKIAQ3EGRIPZ7''WNLX5TD; until [ -e {door} ]; do sleep 0.02; done; echo over >&2"
            running = asyncio.ensure_future(client.call_tool("session_exec", {"session_id": session_id, "command": command}))
            await asyncio.wait_for(heard.wait(), 60)
            assert not running.done()
            door.touch()
            done = (await running).structured_content
            assert done["stdout"] == "key [REDACTED].\nstep one\n" and done["stderr"] == "over\n"
            assert {d["session_id"] for d in told} == {session_id} and {d["stream"] for d in told} == {"stdout", "stderr"}
            assert "".join(d["text"] for d in told if d["stream"] == "stdout") == done["stdout"]

    asyncio.run(main())


def test_output_of_a_job(tmp_path):
    """They go on after the call that left a command running, up to its end."""
    door = tmp_path / "door"
    told = []
    heard = {text: asyncio.Event() for text in ("begun", "over")}

    async def listen(params):
        told.append(params.data)
        for text, event in heard.items():
            if text in "".join(d.get("text", "") for d in told):
                event.set()

    async def main():
        server = StdioServerParameters(command=str(EXECKIT), args=["mcp"], env=dict(os.environ))
        async with stdio_client(server) as (read, write), ClientSession(read, write, logging_callback=listen) as client:
            await client.initialize()
            session_id = (await client.call_tool("session_create", {})).structured_content["session_id"]
            await client.set_logging_level("info")
            command = f"echo begun; until [ -e {door} ]; do sleep 0.02; done; echo over"
            left = (await client.call_tool("session_exec", {"session_id": session_id, "command": command, "yield_ms": 0})).structured_content
            assert left["running"]
            await asyncio.wait_for(heard["begun"].wait(), 60)
            door.touch()
            await asyncio.wait_for(heard["over"].wait(), 60)  # without a call
            assert {(d["session_id"], d["job_id"], d["stream"]) for d in told} == {(session_id, left["job_id"], "stdout")}
            done = (await client.call_tool("job_wait", {"job_id": left["job_id"], "timeout_ms": 60000})).structured_content["result"]
            assert done["stdout"] == "begun\nover\n" == "".join(d["text"] for d in told)

    asyncio.run(main())
