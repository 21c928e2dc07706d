# SPDX-License-Identifier: Apache-2.0
"""Child processes: pinned to a processor, stopped at the end, and what the kernel says of them."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time


class Missing(Exception):
    """A program that is needed is not there: the benchmark is skipped and says so."""


class Failed(Exception):
    """Something that was started does not do what it should."""


def find_program(name, package):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path:
        raise Missing(f"{name} is not installed (Debian: apt-get install {package})")
    return path


def cores():
    """The processor of what is measured, and the one of everything else."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


NICE = -15
FIRST = "first"  # Gets more than its share of the processor.
AT_ONCE = "at once"  # Runs before all else; only for what uses little of the processor.
priority = None


def prefer_self(how):
    """Before other programs of this machine, which are noise; and so what is started. If the user
    may: else nothing happens."""
    global priority
    priority = how
    prefer(os.getpid())


def prefer(pid):
    with contextlib.suppress(PermissionError):
        if priority == AT_ONCE:
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
        elif priority == FIRST:
            os.setpriority(os.PRIO_PROCESS, pid, NICE)
            # Linux weighs sessions against each other first, then what is in them.
            with contextlib.suppress(FileNotFoundError):
                pathlib.Path(f"/proc/{pid}/autogroup").write_text(str(NICE))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, condition, seconds=20.0, pause=0.005):
    """Waits until the condition holds; returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds:g} s")
        time.sleep(pause)


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A program and what it starts, in a session of their own. Its output goes to a log."""

    def __init__(self, name, command, log, core):
        self.name = name
        self.log = pathlib.Path(log)
        with open(self.log, "wb") as output:
            self.popen = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        prefer(self.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.popen.pid

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, what, condition, seconds=20.0, pause=0.005):
        def alive():
            if self.popen.poll() is not None:
                raise Failed(f"{self.name} ended with {self.popen.returncode}:\n{self.tail()}")
            return condition()
        return wait_for(f"{self.name}: {what}", alive, seconds, pause)

    def tail(self):
        return "\n".join(self.output().splitlines()[-15:])

    def stop(self):
        """Asks it to end, and ends what is left of its session."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()

    def members(self):
        """The processes of its session: proxies have worker processes."""
        found = []
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit():
                continue
            try:
                stat = pathlib.Path(entry.path, "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[3]) == self.pid:
                found.append(int(entry.name))
        return found

    def cpu_seconds(self):
        """Processor time of all its threads that still run, to the nanosecond."""
        total = 0
        for pid in self.members():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(task.read_text().split()[0])
        return total / 1e9

    def memory(self, name="VmRSS"):
        """Bytes, by a name of /proc/PID/status; of the largest of its processes."""
        found = [0]
        for pid in self.members():
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(name + ":"):
                    found.append(int(line.split()[1]) * 1024)
        return max(found)
