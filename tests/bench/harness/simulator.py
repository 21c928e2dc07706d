# SPDX-License-Identifier: Apache-2.0
"""The API server of the benchmarks in which objects change."""

import base64
import re

from harness import servers
from harness.process import Process


class Simulator(Process):
    """The fake API server of the tests, as a program that changes its objects."""

    def __init__(self, options, directory, core, per_second):
        self.kubeconfig = directory / "simulator-kubeconfig"
        super().__init__("weir-simulator", [
            servers.simulator_binary(options.simulator), "--listen", "127.0.0.1:0",
            "--write-kubeconfig", self.kubeconfig, "--objects", "100", "--object-bytes", "4000",
            "--updates-per-second", per_second], directory / "simulator.log", core)
        self.wait_for("its address", lambda: "listening on" in self.output())
        self.port = int(self.field(r"server: https://127\.0\.0\.1:(\d+)"))
        self.token = self.field(r"token: (\S+)")
        self.ca = directory / "simulator-ca.crt"
        self.ca.write_bytes(base64.b64decode(self.field(r"certificate-authority-data: (\S+)")))

    def field(self, pattern):
        return re.search(pattern, self.kubeconfig.read_text()).group(1)
