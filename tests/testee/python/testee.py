"""The conformance testee of the Python package; with the argument async, of AsyncSession."""

import asyncio
import dataclasses
import json
import sys

import execkit


def seconds(params):
    ms = params.pop("timeout_ms", None)
    if ms is not None:
        params["timeout"] = ms / 1000
    return params


def reply(result):
    return {"ok": True, "result": result}


def failure(e):
    return {"ok": False, "error": {"code": e.code, "message": e.message, "hint": e.hint, "outcome": e.outcome}}


def plain(result):
    return reply({name: value for name, value in dataclasses.asdict(result).items() if value is not None})


def main():
    sessions = {}
    for line in sys.stdin:
        request = json.loads(line)
        method, params = request["method"], seconds(request["params"])
        try:
            if method == "session.create":
                session = execkit.Session.create(**params)
                sessions[session.id] = session
                answer = reply(session.info)
            elif method == "session.exec":
                answer = plain(sessions[params.pop("session_id")].exec(**params))
            elif method == "output.read":
                answer = reply(next(iter(sessions.values())).read_output(**params))
            elif method == "audit.verify":
                answer = reply(dataclasses.asdict(execkit.verify_audit(**params)))
            else:
                sessions.pop(params["session_id"]).close()
                answer = reply({})
        except execkit.Error as e:
            answer = failure(e)
        print(json.dumps(answer), flush=True)


async def amain():
    sessions = {}
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request = json.loads(line)
        method, params = request["method"], seconds(request["params"])
        try:
            if method == "session.create":
                session = await execkit.AsyncSession.create(**params)
                sessions[session.id] = session
                answer = reply(session.info)
            elif method == "session.exec":
                answer = plain(await sessions[params.pop("session_id")].exec(**params))
            elif method == "output.read":
                answer = reply(await next(iter(sessions.values())).read_output(**params))
            elif method == "audit.verify":
                answer = reply(dataclasses.asdict(execkit.verify_audit(**params)))
            else:
                await sessions.pop(params["session_id"]).close()
                answer = reply({})
        except execkit.Error as e:
            answer = failure(e)
        print(json.dumps(answer), flush=True)


if sys.argv[1:] == ["async"]:
    asyncio.run(amain())
else:
    main()
