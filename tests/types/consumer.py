"""What a typed Python program writes against the package. It is checked and not run: ./build.sh check."""

from __future__ import annotations

import datetime
import pathlib
import signal

import execkit


def approve(request: execkit.ApprovalRequest) -> bool | str:
    return "ls" if request.severe else True


def sync() -> int:
    with execkit.create(on_question=lambda question: None if question.echo else question.text, policy=execkit.Policy.default_deny(allow=["ls"]), on_approval=approve) as session:
        try:
            text: str = session.exec("ls", timeout=datetime.timedelta(seconds=5), cwd=pathlib.Path("/"), check=True).stdout
        except execkit.CommandFailed as e:
            text = e.result.stderr
        for event in session.stream("make"):
            text += event.data
        with session.start("bc", stdin="open", tty=(24, 80)) as running:
            running.write(b"1\n", secret=True)
            screen: execkit.Screen = running.screen(png=True)
            result: execkit.ExecResult = running.wait(timeout=3)
        jobs: list[execkit.Job] = session.jobs()
        ended: execkit.ExecResult | None = jobs[0].wait(timeout=1)
        checkpoint: execkit.Record = session.checkpoint("x")
        session.diff(checkpoint, against=session.checkpoints()[0])
        session.restore(checkpoint, preview=True)
        session.snapshot(pathlib.Path("snap"), passphrase="p")
        session.write_file(pathlib.Path("a"), b"", mode=0o600)
        most: int = execkit.limits().output.read_bytes + len(execkit.capabilities()["methods"])
        report: execkit.AuditReport = execkit.verify_audit("log")
        return session.interrupt(signal.SIGTERM) + screen.rows + (result.exit_code or 0) + report.records + (0 if ended else 1) + len(text) + most


async def asynchronous() -> str:
    late: execkit.AsyncSession = await execkit.AsyncSession.local()
    await late.close()
    async with execkit.AsyncSession.docker("web", user="1000") as session:
        async for event in session.stream("make"):
            print(event.type, event.bytes)
        async with await session.start("cat", stdin="open") as running:
            await running.write("x")
            await running.close_stdin()
            result: execkit.ExecResult = await running.wait(timeout=1)
        part: execkit.Record = await session.read_output("o", limit=1)
        jobs: list[execkit.AsyncJob] = await session.jobs()
        return result.stdout + str(part["text"]) + jobs[0].job_id
