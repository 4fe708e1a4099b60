"""One `true` over an open connection with paramiko, asyncssh and fabric; prints name, tab, median in microseconds.

Arguments: the port of an sshd on 127.0.0.1 and the private key of root there. They know no session that stays, so each
command is a channel of its own.
"""

import asyncio
import sys
import time

from timing import report, times

PORT, KEY = int(sys.argv[1]), sys.argv[2]
N = 200


def with_paramiko():
    import paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", PORT, "root", key_filename=KEY, allow_agent=False, look_for_keys=False)
    report("paramiko", times(N, lambda: client.exec_command("true")[1].channel.recv_exit_status()))
    client.close()


def with_fabric():
    import fabric

    with fabric.Connection("127.0.0.1", "root", PORT, connect_kwargs={"key_filename": KEY, "allow_agent": False, "look_for_keys": False}) as c:
        report("fabric", times(N, lambda: c.run("true", hide=True, in_stream=False)))


async def with_asyncssh():
    import asyncssh

    async with asyncssh.connect("127.0.0.1", PORT, username="root", client_keys=[KEY], known_hosts=None, config=None) as c:
        taken = []
        for _ in range(N + 1):
            begin = time.perf_counter()
            await c.run("true", check=True)
            taken.append(time.perf_counter() - begin)
        report("asyncssh", taken[1:])


with_paramiko()
with_fabric()
asyncio.run(with_asyncssh())
