#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scrapes a real Weir in front of the API server simulator, as Prometheus does.

promtool lints the names and parses both formats; both have the same series; every label that
alerts.yaml and dashboard.json select or group by is one that the scraped series have; and a client
that invents names, verbs and bytes finds none of them in a label.

  tests/metrics_scrape_test.py [--weir PROGRAM] [--simulator PROGRAM]

Ends with 77 if promtool is not installed.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import contextlib
import http.client
import json
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/bench"))

from harness import servers
from harness.process import Process, cores, wait_for
from monitoring_test import SKIPPED, texts

OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
# What Prometheus adds to every series of a pod.
ADDED_LABELS = {"job", "instance", "namespace", "pod", "le"}
# Of OpenMetrics, an exemplar may follow.
SAMPLE = re.compile(r"^(\w+)(?:\{(.*?)\})? (\S+)(?: # \{.*\} \S+ \S+)?$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# Resources that the simulator has; one of them is read in two representations.
READS = ["/api/v1/configmaps?resourceVersion=0", "/api/v1/namespaces?resourceVersion=0",
         "/api/v1/namespaces/default/configmaps/object-1"]
MIB = 1 << 20
# No resource can have that name; one that is possible is a label, and their number is bounded.
MADE_UP = b"made_up"
MAX_LABEL = 400  # A resource's name and its group's.
MAX_ADDED = 100


def scrape(weir, accept):
    connection = http.client.HTTPConnection("127.0.0.1", weir.admin_port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics", headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.getheader("Content-Type"), answer.read().decode(errors="replace")


def ask(weir, path, method="GET", body=None):
    """The connection, and the answer's head."""
    context = ssl.create_default_context(cafile=weir.client_dir / "ca.crt")
    connection = http.client.HTTPSConnection("127.0.0.1", weir.port, timeout=10, context=context)
    token = (weir.client_dir / "token").read_text()
    connection.request(method, path, body, {"Authorization": "Bearer " + token,
                                            "Content-Type": "application/merge-patch+json"})
    return connection, connection.getresponse()


def read_and_write(weir):
    for path in READS:
        connection, answer = ask(weir, path)
        with contextlib.closing(connection):
            if answer.status != 200:
                yield f"{path}: {answer.status}"
    # What is sent on a stream is what the flight recorder looks at.
    connection, _ = ask(weir, "/api/v1/configmaps?watch=1&resourceVersion=0")
    with contextlib.closing(connection):
        ask(weir, "/api/v1/namespaces/default/configmaps/object-1", "PATCH",
            '{"data":{"written":"here"}}')[0].close()
        seen = 'weir_record_own_events_total{resource="configmaps"} 1'
        wait_for("the flight recorder", lambda: seen in scrape(weir, "*/*")[1])


def odd_requests():
    """What no program means to ask; the marker is what a client has made up."""
    selects = b"?watch=1&labelSelector=%s%%3D%%22%%0a&resourceVersion=0" % MADE_UP
    paths = [b"/api/v1/%FF", b"/api/v1/%FF?watch=1", b"/api/v1/%00/%0a/%22", b"/apis/%22%7D%20/v1/x",
             b"/api/v1/" + MADE_UP.upper(), b"/api/v1/%s_%%22" % MADE_UP, b"/%s" % MADE_UP,
             b"/apis/%s.%%C3%%28/v1/a" % MADE_UP, b"/api/v1/configmaps" + selects,
             b"/api/v1/namespaces/%s/%%5C/x/%s" % (MADE_UP, MADE_UP), b"/api//v1/../%s" % MADE_UP,
             b"/api/v1/\xff\"\x5c" + MADE_UP, b"/api/v1/" + b"x" * 60_000 + MADE_UP,
             b"/api/v1/" + b"x" * 300 + MADE_UP, b"/apis/" + b"y" * 300 + b"/v1/" + MADE_UP,
             b"/api/v1/" + b"z" * MIB + MADE_UP]
    for path in paths:
        yield b"GET", path, MADE_UP
    for verb in (MADE_UP, MADE_UP.upper(), b"WATCH", b"V" * 1000 + MADE_UP, b"a.b-c", b"OPTIONS"):
        yield verb, b"/api/v1/pods/" + verb, MADE_UP
        # There the verb is the method, whatever that is.
        yield verb, b"/version", MADE_UP
    for agent in (b'%s"} 1\\' % MADE_UP, b"\xff\xfe" + MADE_UP, b"", MADE_UP * 5_000):
        yield b"GET", b"/api/v1/configmaps?watch=1&resourceVersion=0", agent


def ask_oddly(weir):
    """Each on a connection of its own: what becomes of it is Weir's to say, but something does."""
    context = ssl.create_default_context(cafile=weir.client_dir / "ca.crt")
    token = (weir.client_dir / "token").read_bytes().strip()
    for verb, path, agent in odd_requests():
        with socket.create_connection(("127.0.0.1", weir.port), timeout=30) as plain, \
                context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            # It may refuse before all of it is there.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                connection.sendall(b"%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                                   b"User-Agent: %s\r\n\r\n" % (verb, path, token, agent))
                if not connection.recv(1):
                    yield f"{verb[:50]} {path[:50]}: no answer"


def check_odd(before, after):
    """Series there may be more, by what Weir knows: none by what the client made up."""
    if MADE_UP.decode() in after.lower():
        yield "a label has what a client has made up"
    for name, labels, _ in samples(after):
        for key, value in labels.items():
            if len(value) > MAX_LABEL or not value.isascii() or not value.isprintable():
                yield f"{name} has the label {key}={value[:100]!r}"
    added = len(keys(after) - keys(before))
    if added > MAX_ADDED:
        yield f"{added} more series for {len(list(odd_requests()))} odd requests"


def samples(text):
    """Each sample's name, labels and value."""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.match(line).groups()
        yield name, dict(LABEL.findall(labels or "")), value


def keys(text):
    """Which series there are; a bound is what it is, however it is spelled."""
    return {(name, *sorted((key, str(float(value)) if key == "le" else value)
                           for key, value in labels.items()))
            for name, labels, _ in samples(text)}


def promtool(arguments, given=""):
    ran = subprocess.run(["promtool", *map(str, arguments)], text=True, input=given,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # A lint of metrics is a line of output, and an exit code only for some.
    if ran.returncode != 0 or (arguments[0] == "check" and ran.stdout.strip()):
        yield f"promtool {' '.join(map(str, arguments[:2]))}:\n{ran.stdout}"


def parse_open_metrics(text, directory):
    """By the parser of Prometheus; what imports a file wants a time with each sample."""
    # Before the exemplar, where there is one.
    timed = "\n".join(line if line.startswith("#") or not line else
                      re.sub(r"( # \{.*)?$", r" 1700000000\1", line, count=1)
                      for line in text.splitlines()) + "\n"
    file = directory / "metrics.txt"
    file.write_text(timed)
    yield from promtool(["tsdb", "create-blocks-from", "openmetrics", file, directory / "blocks"])


def expressions():
    for group in yaml.safe_load((ROOT / "deploy/monitoring/alerts.yaml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    yield from texts(json.loads((ROOT / "deploy/monitoring/dashboard.json").read_text()), "expr")


def check_labels(text):
    """Selectors and groupings of every expression, against the series there are."""
    labels_of = {}
    for name, labels, _ in samples(text):
        labels_of.setdefault(name, set()).update(labels)
    unseen = set()
    for expr in expressions():
        of_all = set(ADDED_LABELS)
        for name, selector in re.findall(r"\b(weir_\w+)(?:\{([^}]*)\})?", expr):
            if name not in labels_of:
                unseen.add(name)
                continue
            of_all |= labels_of[name]
            for label in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', selector):
                if label not in labels_of[name] | ADDED_LABELS:
                    yield f"{name} has no label {label}: {expr}"
        if unseen.isdisjoint(re.findall(r"\bweir_\w+", expr)):
            for grouping in re.findall(r"\bby \(([^)]*)\)", expr):
                for label in re.split(r",\s*", grouping):
                    if label not in of_all:
                        yield f"no series has the label {label}: {expr}"
    for name in sorted(unseen):
        yield f"{name} is queried, and was not scraped"


def check(weir, directory):
    yield from read_and_write(weir)
    before = scrape(weir, "*/*")[1]
    yield from ask_oddly(weir)
    plain_type, plain = scrape(weir, "*/*")
    open_type, opened = scrape(weir, OPEN_METRICS)
    if "version=0.0.4" not in plain_type or "openmetrics-text; version=1.0.0" not in open_type:
        yield f"not the formats that were asked for: {plain_type!r}, {open_type!r}"
    if keys(plain) != keys(opened):
        yield f"not the same series: {sorted(keys(plain) ^ keys(opened))}"
    if not opened.endswith("\n# EOF\n"):
        yield "OpenMetrics without its end"
    yield from promtool(["check", "metrics"], plain)
    yield from parse_open_metrics(opened, directory)
    yield from check_labels(plain)
    yield from check_odd(before, plain)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir")
    parser.add_argument("--simulator")
    options = parser.parse_args()
    if not shutil.which("promtool"):
        print("promtool is not there (Debian: prometheus)")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="weir-scrape-") as name:
        directory = pathlib.Path(name)
        kubeconfig = directory / "kubeconfig"
        core = cores()[0]
        with Process("weir-simulator", [
                servers.simulator_binary(options.simulator), "--write-kubeconfig", kubeconfig,
                "--objects", 20, "--updates-per-second", 20], directory / "simulator.log",
                core) as simulator:
            simulator.wait_for("its address", lambda: "listening" in simulator.output())
            with servers.Weir(servers.weir_binary(options.weir), directory, core,
                              kubeconfig) as weir:
                mistakes = list(check(weir, directory))
    print("\n".join(mistakes) or "both formats are well-formed and have what is queried")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
