#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds deploy/monitoring/ to what Weir really exports.

Every metric that an alert, the dashboard or a README names is one that the source registers; every
alert has a severity, says what to look at first, and is tested to fire and not to fire; the
dashboard is one that Grafana can show; promtool accepts and passes the rules.

  tests/monitoring_test.py [TREE]       the tree, by default the one this file is in
  tests/monitoring_test.py --self-test  proves that bad trees fail

Ends with 77 if all is well but promtool is not installed.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

SKIPPED = 77
GRAFANA_10 = 38  # Its schemaVersion.
ADDED = re.compile(r'Add(Counter|Gauge|Histogram)\(\s*"(weir_\w+)"')
NAME = re.compile(r"\bweir_[a-z0-9_]+")
# Text in which names stand, and what begins with weir_ there and is no metric.
DOCUMENTS = ["README.md", "proxy/admin/README.md", "deploy/monitoring/README.md"]
MONITORING = "deploy/monitoring/"
SEVERITIES = {"critical", "warning", "info"}


def read_yaml(text):
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def metrics(root):
    """Name and kind of every metric that the source registers."""
    found = {}
    for top in ("proxy", "filters"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".h", ".cc"):
                found.update((name, kind) for kind, name in ADDED.findall(path.read_text()))
    return found


def series(known):
    """The names under which their series are queried."""
    for name, kind in known.items():
        if kind == "Histogram":
            yield from (name + "_bucket", name + "_sum", name + "_count")
        else:
            yield name


def check_names(known):
    for name, kind in known.items():
        if (kind == "Counter") != name.endswith("_total"):
            yield f"{name}: a {kind.lower()}, and counters alone end in _total"


def unknown(where, text, names):
    """`weir_x_*` stands for all that begin so."""
    for name in sorted(set(NAME.findall(text))):
        begins = name.endswith("_") and any(other.startswith(name) for other in names)
        if name not in names and not begins:
            yield f"{where}: no metric is called {name}"


def check_documents(root, known):
    names = {*known, *series(known)}
    for document in DOCUMENTS:
        yield from unknown(document, (root / document).read_text(), names)


def check_alerts(root, known):
    names = set(series(known))
    where = MONITORING + "alerts.yaml"
    alerts = set()
    for group in read_yaml((root / where).read_text())["groups"]:
        for rule in group["rules"]:
            alert, notes = rule["alert"], rule["annotations"]
            if alert in alerts:
                yield f"{where}: {alert} is there twice"
            alerts.add(alert)
            yield from unknown(f"{where}: {alert}", rule["expr"], names)
            yield from unknown(f"{where}: {alert}", notes["description"], {*known, *names})
            if rule["labels"].get("severity") not in SEVERITIES:
                yield f"{where}: {alert} has no severity of {', '.join(sorted(SEVERITIES))}"
            if not notes.get("summary") or "ook first at" not in notes["description"]:
                yield f"{where}: {alert} does not say what happens and what to look first at"
    yield from check_alert_tests(root, alerts, names)


def check_alert_tests(root, alerts, names):
    where = MONITORING + "alerts_test.yaml"
    fires, stays = set(), set()
    for test in read_yaml((root / where).read_text())["tests"]:
        for given in test["input_series"]:
            yield from unknown(where, given["series"], names)
        for wanted in test["alert_rule_test"]:
            (fires if wanted["exp_alerts"] else stays).add(wanted["alertname"])
    for alert in sorted(alerts):
        if alert not in fires:
            yield f"{where}: {alert} is never seen firing"
        if alert not in stays:
            yield f"{where}: {alert} is never seen not firing"


def texts(node, key):
    """Every value of that key, anywhere."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            yield from texts(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value, key)


def check_dashboard(root, known):
    where = MONITORING + "dashboard.json"
    dashboard = json.loads((root / where).read_text())
    names = set(series(known))
    for key in ("expr", "query", "definition"):
        for text in texts(dashboard, key):
            if isinstance(text, str):
                yield from unknown(where, text, names)
    if dashboard["schemaVersion"] < GRAFANA_10:
        yield f"{where}: of a Grafana before 10"
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    for uid in texts(dashboard, "uid"):
        if uid not in ("weir", "${datasource}"):
            yield f"{where}: the data source {uid} is of one Grafana only"
    taken = {}
    for panel in dashboard["panels"]:
        title = f"{where}: {panel['title']!r}"
        place = panel["gridPos"]
        if panel["type"] != "row" and not panel.get("targets"):
            yield f"{title} shows nothing"
        for expr in texts(panel, "expr"):
            for variable in re.findall(r"\$([a-z]\w*)", expr):
                if variable not in variables:
                    yield f"{title}: there is no variable ${variable}"
        if place["x"] + place["w"] > 24:
            yield f"{title} is wider than the page"
        for cell in ((place["x"] + x, place["y"] + y)
                     for x in range(place["w"]) for y in range(place["h"])):
            if cell in taken:
                yield f"{title} lies on {taken[cell]!r}"
                break
            taken[cell] = panel["title"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(ids) != len(set(ids)):
        yield f"{where}: two panels have the same id"


def check_pod_monitor(root):
    where = MONITORING + "podmonitor.yaml"
    monitor = read_yaml((root / where).read_text())
    pod = read_yaml((root / "deploy/sidecar.yaml").read_text())["spec"]["template"]
    wanted = monitor["spec"]["selector"]["matchLabels"]
    if not wanted.items() <= pod["metadata"]["labels"].items():
        yield f"{where}: does not select the pod of deploy/sidecar.yaml"
    ports = {port["name"] for container in pod["spec"]["initContainers"]
             for port in container["ports"]}
    for endpoint in monitor["spec"]["podMetricsEndpoints"]:
        if endpoint["port"] not in ports:
            yield f"{where}: deploy/sidecar.yaml has no port {endpoint['port']}"


def promtool(*arguments):
    ran = subprocess.run(["promtool", *map(str, arguments)], text=True, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if ran.returncode != 0:
        yield f"promtool {arguments[0]} {arguments[1]}:\n{ran.stdout}"


def check(root, run_promtool=True):
    """Every mistake in a tree."""
    known = metrics(root)
    mistakes = [*check_names(known), *check_documents(root, known), *check_alerts(root, known),
                *check_dashboard(root, known), *check_pod_monitor(root)]
    if run_promtool and shutil.which("promtool"):
        mistakes += promtool("check", "rules", root / MONITORING / "alerts.yaml")
        mistakes += promtool("test", "rules", root / MONITORING / "alerts_test.yaml")
    return mistakes


# A file, what in it is replaced by what, and a part of the mistake that must be found.
ALERTS, TESTS = MONITORING + "alerts.yaml", MONITORING + "alerts_test.yaml"
DASHBOARD = MONITORING + "dashboard.json"
SELF_TEST = [
    (ALERTS, "weir_cache_relists_total[", "weir_cache_relist_total[",
     "called weir_cache_relist_total"),
    (ALERTS, "severity: info", "severity: low", "no severity"),
    (ALERTS, "Look first at", "Look at", "what to look first at"),
    (ALERTS, "alert: WeirTimeTravel", "alert: WeirTimeWarp", "WeirTimeWarp is never seen firing"),
    (TESTS, "exp_alerts: []", "exp_alerts: [{}]", "never seen not firing"),
    (TESTS, "'weir_cache_synced{", "'weir_cache_sync{", "weir_cache_sync"),
    (DASHBOARD, "weir_record_write_loops", "weir_record_loops", "called weir_record_loops"),
    (DASHBOARD, "weir_cache_ingest_seconds_bucket", "weir_cache_ingest_seconds",
     "called weir_cache_ingest_seconds"),
    (DASHBOARD, '"schemaVersion": 38', '"schemaVersion": 30', "before 10"),
    (DASHBOARD, "$namespace", "$nmespace", "no variable $nmespace"),
    (DASHBOARD, "${datasource}", "P1234", "of one Grafana only"),
    (DASHBOARD, '"x": 0', '"x": 1', "lies on"),
    (DASHBOARD, '"x": 0', '"x": 20', "wider than the page"),
    (DASHBOARD, '"id": 3,', '"id": 4,', "the same id"),
    (MONITORING + "podmonitor.yaml", "weir.dev/sidecar", "weir.dev/sidecars", "does not select"),
    (MONITORING + "podmonitor.yaml", "port: weir-admin", "port: admin", "no port admin"),
    (MONITORING + "README.md", "weir_record_objects_stuck", "weir_record_stuck",
     "README.md: no metric"),
    ("proxy/record/resource_record.cc", '"weir_record_conflicts_total"', '"weir_record_conflicts"',
     "counters alone end in _total"),
]


def self_test():
    repository = pathlib.Path(__file__).resolve().parent.parent
    failures = []
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory) / "tree"
        for top in ("proxy", "filters", "deploy"):
            shutil.copytree(repository / top, root / top)
        shutil.copy(repository / "README.md", root)
        for name, old, new, expected in SELF_TEST:
            path = root / name
            text = path.read_text()
            path.write_text(text.replace(old, new))
            if old not in text:
                failures.append(f"{name} has no {old!r} to be replaced")
            elif not any(expected in mistake for mistake in check(root, False)):
                failures.append(f"{name}: {old!r} -> {new!r} was not noticed")
            path.write_text(text)
    return failures


def main(arguments):
    if arguments == ["--self-test"]:
        mistakes = self_test()
        done = f"{len(SELF_TEST)} bad trees judged as they should be"
    else:
        root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).parent.parent
        mistakes = check(root)
        done = "alerts, dashboard and documents name what Weir exports"
    print("\n".join(mistakes) or done)
    if mistakes:
        return 1
    if not shutil.which("promtool"):
        print("promtool is not there (Debian: prometheus): the rules were not tried")
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
