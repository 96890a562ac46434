"""How long it takes to see the established connections of one process: by default 20,000, or what the limit of descriptors allows.

Prints the median and the worst of ten looks, each with every descriptor, its flags, the tables of sockets and idle times.
"""

from __future__ import annotations

import argparse
import resource
import socket
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack

from probes.live.proc import topics
from probes.live.proc.reading import read_process

SPARE = 64
"""Descriptors that a process has besides the connections."""
PER_ADDRESS = 15_000
"""Connections from one address of the loopback network, which has some 28,000 ports for them."""
CLIENT = """
import socket, sys
port, count, each = map(int, sys.argv[1:])
open_ = []
for number in range(count):
    one = socket.socket()
    one.bind((f"127.0.0.{2 + number // each}", 0))
    one.connect(("127.0.0.1", port))
    open_.append(one)
print("ready", flush=True)
sys.stdin.readline()
"""


def main() -> int:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--looks", type=int, default=10)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(arguments.count, hard - SPARE)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        port = listener.getsockname()[1]
        argv = [sys.executable, "-c", CLIENT, str(port), str(count), str(PER_ADDRESS)]
        client = stack.enter_context(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        _kept = [stack.enter_context(listener.accept()[0]) for _ in range(count)]
        if client.stdout is None or client.stdout.readline() != "ready\n":
            print("error: the clients did not connect", file=sys.stderr)
            return 1
        took, found = [], None
        for _ in range(arguments.looks):
            began = time.perf_counter()
            found = topics.connections(read_process(client.pid, watch=False))
            took.append(time.perf_counter() - began)
        client.kill()
    if found is None or found.outgoing != count:
        print(f"error: {found} where there are {count} connections", file=sys.stderr)
        return 1
    print(
        f"{count:,} connections of one process seen in {statistics.median(took):.2f} s (median of {len(took)}, worst {max(took):.2f} s)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
