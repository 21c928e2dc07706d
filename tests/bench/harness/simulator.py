# SPDX-License-Identifier: Apache-2.0
"""The API server of the benchmarks in which objects change."""

import base64
import json
import re
import signal
import urllib.request

from harness import servers
from harness.process import Process
from harness.tls import unverified


class Simulator(Process):
    """The fake API server of the tests, as a program that changes its objects."""

    def __init__(self, options, directory, core, per_second=0, objects=100, restart_changes=0):
        self.kubeconfig = directory / "simulator-kubeconfig"
        super().__init__("weir-simulator", [
            servers.simulator_binary(options.simulator), "--listen", "127.0.0.1:0",
            "--write-kubeconfig", self.kubeconfig, "--objects", objects, "--object-bytes", "4000",
            "--updates-per-second", per_second, "--restart-changes", restart_changes],
            directory / "simulator.log", core)
        self.wait_for("its address", lambda: "listening on" in self.output())
        self.port = int(self.field(r"server: https://127\.0\.0\.1:(\d+)"))
        self.token = self.field(r"token: (\S+)")
        self.ca = directory / "simulator-ca.crt"
        self.ca.write_bytes(base64.b64decode(self.field(r"certificate-authority-data: (\S+)")))

    def restart(self):
        """Ends every connection and forgets every version."""
        before = self.output().count("restarted ")
        self.popen.send_signal(signal.SIGUSR1)
        self.wait_for("its restart", lambda: self.output().count("restarted ") > before)

    def requests(self, resource):
        """How many there were for it, by verb."""
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}/simulator/requests",
                                         headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, context=unverified(), timeout=20) as answer:
            rows = json.load(answer)["requests"]
        counts = {"list": 0, "watch": 0}
        for row in rows:
            if row["resource"] == resource:
                counts[row["verb"]] = counts.get(row["verb"], 0) + row["count"]
        return counts

    def field(self, pattern):
        return re.search(pattern, self.kubeconfig.read_text()).group(1)
