"""The conformance testee of the Python package; with the argument async, of AsyncSession."""

import asyncio
import dataclasses
import json
import sys
import traceback

import execkit


def seconds(params):
    ms = params.pop("timeout_ms", None)
    if ms is not None:
        params["timeout"] = ms / 1000
    ms = params.pop("idle_timeout_ms", None)
    if ms is not None:
        params["idle_timeout"] = ms / 1000
    return params


class Person:
    """Who answers what a server asks: what is left to say, and what was asked."""

    def __init__(self):
        self.answers, self.asked = None, []

    def prepare(self, request):
        self.answers, self.asked = request.get("answers"), []
        if self.answers is not None and request["method"] == "session.create":
            request["params"]["on_question"] = self.aanswer if ASYNC else self.answer

    def answer(self, question):
        self.asked.append(dataclasses.asdict(question))
        return self.answers.pop(0) if self.answers else None

    async def aanswer(self, question):
        await asyncio.sleep(0)
        return self.answer(question)


PERSON = Person()
ASYNC = sys.argv[1:] == ["async"]


def tell(answer, sessions):
    """Answer the runner, also with what a program would show that prints what it has."""
    print(json.dumps({"asked": PERSON.asked, "shown": repr([(s, vars(s)) for s in sessions.values()]), **answer}), flush=True)


def reply(result):
    return {"ok": True, "result": result}


def failure(e):
    shown = "".join(traceback.format_exception(e)) + repr(e)
    return {"ok": False, "error": {"code": e.code, "message": e.message, "hint": e.hint, "outcome": e.outcome}, "shown": shown}


def plain(result):
    return reply({name: value for name, value in dataclasses.asdict(result).items() if value is not None})


def exec_params(params):
    """The wire's words for the arguments of exec and start."""
    ms = params.pop("yield_ms", None)
    if ms is not None:
        params["yield_after"] = ms / 1000
    return params


def event(e):
    found = {name: value for name, value in dataclasses.asdict(e).items() if value is not None and name != "result"}
    if e.result is not None:
        found["result"] = plain(e.result)["result"]
    return found


def shown(screen):
    return {**dataclasses.asdict(screen), "png": screen.png and len(screen.png)}


def job_of(jobs, job_id):
    return next(job for job in jobs if job.job_id == job_id)


def drive(sessions, running, method, params):
    if method == "exec.start":
        one = sessions[params.pop("session_id")].start(**exec_params(params))
        running[one.id] = one
        return {"exec_id": one.id}
    if method == "session.interrupt":
        return {"reached": sessions[params.pop("session_id")].interrupt(**params)}
    if method == "job.list":
        return {"jobs": [dataclasses.asdict(job) for job in sessions[params["session_id"]].jobs()]}
    if "job_id" in params or params.get("exec_id") not in running:
        job_id = params.pop("job_id", None) or params.pop("exec_id")
        job = next(job for session in sessions.values() for job in session.jobs() if job.job_id == job_id)
        if method == "job.output":
            return job.output(**params)
        if method == "job.kill":
            return {"reached": job.kill(**params)}
        if method == "exec.write":
            return plain(job.write(params["data"], yield_after=params["yield_ms"] / 1000))["result"]
        try:
            result = job.wait(**params)
        except TimeoutError:
            return {"job": dataclasses.asdict(job)}
        return {"job": {"state": "ended"}, "result": plain(result)["result"]}
    one = running[params.pop("exec_id")]
    if method == "exec.events":
        found = next(one.events(), None)
        return {"events": [event(found)] if found else [], "done": found is None}
    if method == "exec.write":
        one.keys(*params["keys"]) if "keys" in params else one.write(**params)
    elif method == "exec.close_stdin":
        one.close_stdin()
    elif method == "exec.signal":
        return {"reached": one.signal(params["signal"])}
    elif method == "exec.resize":
        one.resize(**params)
    elif method == "exec.screen":
        return shown(one.screen(png=params.get("format") == "png"))
    return {}


async def adrive(sessions, running, method, params):
    if method == "exec.start":
        one = await sessions[params.pop("session_id")].start(**exec_params(params))
        running[one.id] = one
        return {"exec_id": one.id}
    if method == "session.interrupt":
        return {"reached": await sessions[params.pop("session_id")].interrupt(**params)}
    if method == "job.list":
        return {"jobs": [dataclasses.asdict(job) for job in await sessions[params["session_id"]].jobs()]}
    if "job_id" in params or params.get("exec_id") not in running:
        job_id = params.pop("job_id", None) or params.pop("exec_id")
        job = job_of([job for session in sessions.values() for job in await session.jobs()], job_id)
        if method == "job.output":
            return await job.output(**params)
        if method == "job.kill":
            return {"reached": await job.kill(**params)}
        if method == "exec.write":
            return plain(await job.write(params["data"], yield_after=params["yield_ms"] / 1000))["result"]
        try:
            async with asyncio.timeout(params.get("timeout")):
                result = await job.wait()
        except TimeoutError:
            return {"job": dataclasses.asdict(job)}
        return {"job": {"state": "ended"}, "result": plain(result)["result"]}
    one = running[params.pop("exec_id")]
    if method == "exec.events":
        found = await anext(one.events(), None)
        return {"events": [event(found)] if found else [], "done": found is None}
    if method == "exec.write":
        await (one.keys(*params["keys"]) if "keys" in params else one.write(**params))
    elif method == "exec.close_stdin":
        await one.close_stdin()
    elif method == "exec.signal":
        return {"reached": await one.signal(params["signal"])}
    elif method == "exec.resize":
        await one.resize(**params)
    elif method == "exec.screen":
        return shown(await one.screen(png=params.get("format") == "png"))
    return {}


# The methods of a session beside commands: the name, and the parameters that are positional.
UNDO = {
    "checkpoint.create": ("checkpoint", ["label"]), "checkpoint.diff": ("diff", ["checkpoint"]), "checkpoint.restore": ("restore", ["checkpoint"]),
    "session.state": ("state", []), "snapshot.save": ("snapshot", []), "file.read": ("read_file", ["path"]), "file.write": ("write_file", ["path", "content"]),
    "file.list": ("list_files", ["path"]), "file.stat": ("stat_file", ["path"]), "checkpoint.list": ("checkpoints", []),
}


def undo(session, method, params):
    """Call the method of a session that does the same as a method of the JSON API."""
    name, positional = UNDO[method]
    if "mode" in params:
        params["mode"] = int(params["mode"], 8)
    return getattr(session, name)(*[params.pop(p) for p in positional if p in params], **params)


def listed(result):
    return reply({"checkpoints": result} if isinstance(result, list) else result)


def main():
    sessions, running = {}, {}
    for line in sys.stdin:
        request = json.loads(line)
        PERSON.prepare(request)
        method, params = request["method"], seconds(request["params"])
        try:
            if method == "session.create":
                session = execkit.Session.create(**params)
                sessions[session.id] = session
                answer = reply(session.info)
            elif method == "session.exec":
                answer = plain(sessions[params.pop("session_id")].exec(**exec_params(params)))
            elif method in UNDO:
                answer = listed(undo(sessions[params.pop("session_id")], method, params))
            elif method == "output.read":
                answer = reply(next(iter(sessions.values())).read_output(**params))
            elif method == "audit.verify":
                answer = reply(dataclasses.asdict(execkit.verify_audit(**params)))
            elif method == "limits.get" and "session_id" in params:
                answer = reply({"quotas": sessions[params["session_id"]].quotas()})
            elif method in ("limits.get", "capabilities.get"):
                answer = reply(getattr(execkit, method.partition(".")[0])())
            elif method == "session.destroy":
                sessions.pop(params["session_id"]).close()
                answer = reply({})
            else:
                answer = reply(drive(sessions, running, method, params))
        except execkit.Error as e:
            answer = failure(e)
        tell(answer, sessions)


async def amain():
    sessions, running = {}, {}
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request = json.loads(line)
        PERSON.prepare(request)
        method, params = request["method"], seconds(request["params"])
        try:
            if method == "session.create":
                session = await execkit.AsyncSession.create(**params)
                sessions[session.id] = session
                answer = reply(session.info)
            elif method == "session.exec":
                answer = plain(await sessions[params.pop("session_id")].exec(**exec_params(params)))
            elif method in UNDO:
                answer = listed(await undo(sessions[params.pop("session_id")], method, params))
            elif method == "output.read":
                answer = reply(await next(iter(sessions.values())).read_output(**params))
            elif method == "audit.verify":
                answer = reply(dataclasses.asdict(execkit.verify_audit(**params)))
            elif method == "limits.get" and "session_id" in params:
                answer = reply({"quotas": await sessions[params["session_id"]].quotas()})
            elif method in ("limits.get", "capabilities.get"):
                answer = reply(await getattr(execkit, "a" + method.partition(".")[0])())
            elif method == "session.destroy":
                await sessions.pop(params["session_id"]).close()
                answer = reply({})
            else:
                answer = reply(await adrive(sessions, running, method, params))
        except execkit.Error as e:
            answer = failure(e)
        tell(answer, sessions)


if ASYNC:
    asyncio.run(amain())
else:
    main()
