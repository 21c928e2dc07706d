#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scrapes a real Weir in front of the API server simulator, as Prometheus does.

promtool lints the names and parses both formats; both have the same series; and every label that
alerts.yaml and dashboard.json select or group by is one that the scraped series have.

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


def scrape(weir, accept):
    connection = http.client.HTTPConnection("127.0.0.1", weir.admin_port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics", headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.getheader("Content-Type"), answer.read().decode()


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
