"""One `true` in a pod with the kubernetes client, an exec for each and over the stream of one; prints name, tab, median in microseconds.

Arguments: a kubeconfig and the name of a pod of the namespace default whose container main has bash.
"""

import sys

from kubernetes import client, config
from kubernetes.stream import stream
from timing import report, times

config.load_kube_config(sys.argv[1])
api = client.CoreV1Api()


def exec_in_pod(command, **options):
    return stream(api.connect_get_namespaced_pod_exec, sys.argv[2], "default", container="main", command=command,
                  stdout=True, stderr=True, tty=False, **options)


def each():
    s = exec_in_pod(["bash", "-c", "true"], stdin=False, _preload_content=False)
    s.run_forever(timeout=60)
    if s.returncode != 0:
        raise SystemExit("it failed")


report("kubernetes client, an exec for each", times(30, each))

kept_stream = exec_in_pod(["bash", "--norc", "--noprofile"], stdin=True, _preload_content=False)


def kept():
    kept_stream.write_stdin("true; echo $?\n")
    if kept_stream.readline_stdout(timeout=60) != "0":
        raise SystemExit("it failed")


report("kubernetes client, a stream that stays", times(500, kept))
