# SPDX-License-Identifier: Apache-2.0
"""Load by h2load, and what it costs a server."""

import dataclasses
import os
import re
import subprocess

from harness.process import Failed, find_program
from harness.servers import TOKEN

CIPHER = "TLS_AES_128_GCM_SHA256"  # The same for everybody.


@dataclasses.dataclass
class Shape:
    """Requests: how many, over how many connections, how many at a time on each."""
    path: str
    requests: int
    connections: int = 1
    streams: int = 1


@dataclasses.dataclass
class Cost:
    requests: int
    body_bytes: int
    cpu_seconds: float
    seconds: float

    def us_per_request(self):
        return self.cpu_seconds * 1e6 / self.requests

    def bytes_per_cpu_second(self):
        return self.body_bytes / self.cpu_seconds


def h2load(address, shape, core, timeout=120):
    """Runs it; every request must be answered with 2xx. Returns body bytes and seconds."""
    command = [
        find_program("h2load", "nghttp2-client"), "-n", str(shape.requests), "-c",
        str(shape.connections), "-m", str(shape.streams), f"--tls13-ciphers={CIPHER}", "-H",
        f"authorization: Bearer {TOKEN}", "-H", "accept: application/json",
        f"https://{address}{shape.path}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    good = re.search(r"status codes: (\d+) 2xx", done.stdout)
    data = re.search(r"traffic: .* \((\d+)\) data", done.stdout)
    seconds = re.search(r"finished in ([0-9.]+)(us|ms|s)", done.stdout)
    succeeded = re.search(r"(\d+) succeeded", done.stdout)
    if (not good or int(good.group(1)) != shape.requests or not data or not seconds
            or int(succeeded.group(1)) != shape.requests):
        raise Failed(f"{' '.join(command)}:\n{done.stdout}")
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0}[seconds.group(2)]
    return int(data.group(1)), float(seconds.group(1)) * unit


def measure(server, shape, core):
    before = server.cpu_seconds()
    body_bytes, seconds = h2load(server.address, shape, core)
    return Cost(shape.requests, body_bytes, server.cpu_seconds() - before, seconds)
