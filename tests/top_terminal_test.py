#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`weir top` on a terminal: shows a running Weir, waits for one that restarts, leaves the screen as it was.

  tests/top_terminal_test.py --weir PROGRAM --simulator PROGRAM
"""

import sys

sys.dont_write_bytecode = True

import argparse
import contextlib
import os
import pathlib
import pty
import select
import subprocess
import tempfile
import time
import types

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/bench"))

from harness import servers
from harness.process import cores
from harness.simulator import Simulator
from harness.watch import Watch

OTHER_SCREEN, BACK, CLEARED = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[2J"
DEADLINE = 30.0


class Terminal:
    """A program on a terminal of its own, and what it has written there."""

    def __init__(self, command):
        self.output = b""
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)

    def wait_for(self, *texts):
        end = time.monotonic() + DEADLINE
        while not all(text in self.output for text in texts):
            if not self.read(end - time.monotonic()):
                sys.exit(f"{texts} did not come; the terminal shows:\n"
                         f"{self.output[-3000:].decode(errors='replace')}")

    def read(self, seconds):
        ready = select.select([self.master], [], [], max(seconds, 0))[0]
        if not ready:
            return False
        with contextlib.suppress(OSError):  # The program has gone.
            data = os.read(self.master, 65536)
            self.output += data
            return bool(data)
        return False

    def press(self, key):
        os.write(self.master, key)


def run(options, directory):
    core, other = cores()
    with Simulator(options, directory, other, 20) as simulator:
        start = lambda port=None: servers.Weir(servers.weir_binary(options.weir), directory, core,
                                               simulator.kubeconfig, admin_port=port)
        with start() as weir:
            port = weir.admin_port
            watch = Watch("weir", weir.port, (weir.client_dir / "token").read_text().strip())
            terminal = Terminal([servers.weir_binary(options.weir), "top", "--admin",
                                 f"127.0.0.1:{port}", "--interval", "200ms"])
            terminal.wait_for(OTHER_SCREEN, b"configmaps", b"q quits", b"sorted by behind")
            terminal.press(b"<")
            terminal.wait_for(b"sorted by bytes")
            terminal.press(b">>")
            terminal.wait_for(b"sorted by client")
            watch.close()
        terminal.wait_for(b"NO ANSWER, asking again", b"configmaps")
        gone = len(terminal.output)
        with start(port):
            terminal.output = terminal.output[gone:]
            # Of the Weir that has come there are no streams yet.
            terminal.wait_for(b"q quits")
            end = time.monotonic() + DEADLINE
            while b"NO ANSWER" in terminal.output[terminal.output.rfind(CLEARED):]:
                if time.monotonic() > end:
                    sys.exit("a Weir that has come back is not shown")
                terminal.read(1)
            terminal.press(b"q")
            terminal.wait_for(BACK)
            if code := terminal.process.wait(DEADLINE):
                sys.exit(f"q ended weir top with {code}")
    print("weir top shows a Weir, waits for it, and leaves")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weir", required=True)
    parser.add_argument("--simulator", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weir-top-") as directory:
        run(types.SimpleNamespace(weir=options.weir, simulator=options.simulator),
            pathlib.Path(directory))


if __name__ == "__main__":
    main()
