"""One `true` in a container with docker-py, an exec for each and over the stream of one; prints name, tab, median in microseconds.

Arguments: the address of a Docker engine and the name of a container in it that has bash.
"""

import sys

import docker
from timing import report, times

client = docker.DockerClient(base_url=sys.argv[1])
container = client.containers.get(sys.argv[2])


def each():
    if container.exec_run(["bash", "-c", "true"]).exit_code != 0:
        raise SystemExit("it failed")


report("docker-py exec_run", times(30, each))

api = client.api
exec_id = api.exec_create(container.id, ["bash", "--norc", "--noprofile"], stdin=True)["Id"]
stream = api.exec_start(exec_id, socket=True)
raw = stream._sock if hasattr(stream, "_sock") else stream


def kept():
    raw.sendall(b"true; echo $?\n")
    frame = b""
    while len(frame) < 10:  # a header of eight bytes, the digit and the newline
        frame += raw.recv(4096)
    if frame[8:] != b"0\n":
        raise SystemExit(f"it said {frame!r}")


report("docker-py, a stream that stays", times(500, kept))
