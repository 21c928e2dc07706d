#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds proxy/ and filters/ to their layers.

A file includes its own layer and lower ones (proxy/LAYERS, lowest first), filters/ up to the layer
`filter`, and only proxy/main.cc both. Each third-party library belongs to one layer. Headers do
not include each other in a circle.

  tests/layering_test.py [TREE]       the tree, by default the one this file is in
  tests/layering_test.py --self-test  proves that bad trees fail
"""

import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
FILTERS_UP_TO = "filter"
MAIN = "proxy/main.cc"

# Library, what its includes look like, and the only files that may have them.
OWNED = [
    ("libevent", r"(event2/.*|event\.h|evhttp\.h|evutil\.h|evdns\.h)", r"proxy/event/"),
    ("OpenSSL", r"openssl/.*", r"proxy/net/"),
    ("nghttp2", r"nghttp2/.*", r"proxy/http/"),
    ("simdjson", r"simdjson(\.h|/.*)", r"proxy/(kube|cli)/"),
    ("spdlog", r"(spdlog|fmt)/.*", r"proxy/base/log\.cc$"),
    ("yaml-cpp", r"yaml-cpp/.*", r"proxy/server/"),
    ("CLI11", r"CLI/.*", r"proxy/main\.cc$"),
    ("a test library", r"(gtest|gmock|benchmark|nlohmann)/.*", r"(?!)"),
]
OWNED = [(name, re.compile(what + "$"), re.compile(where)) for name, what, where in OWNED]


def read_layers(root):
    lines = (root / "proxy/LAYERS").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def sources(root):
    for top in ("proxy", "filters"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".h", ".cc"):
                yield path.relative_to(root).as_posix(), path


def includes(path):
    """The includes of a file: line, quote and what is included. Comments do not count."""
    in_comment = False
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if in_comment:
            if "*/" not in line:
                continue
            line = line[line.index("*/") + 2:]
        in_comment = line.rfind("/*") > line.rfind("*/")
        if match := INCLUDE.match(line):
            yield number, match.group(1), match.group(2)


class Layers:
    def __init__(self, names):
        self.rank = {name: i for i, name in enumerate(names)}

    def of(self, name):
        """The rank of a file and its layer, or (None, reason)."""
        parts = name.split("/")
        if parts[0] == "filters":
            return self.rank.get(FILTERS_UP_TO), "filters"
        if name == MAIN:
            return len(self.rank), "main.cc"
        if len(parts) < 3 or parts[1] not in self.rank:
            return None, f"{name} is in no layer of proxy/LAYERS"
        return self.rank[parts[1]], parts[1]


def check_include(layers, name, rank, layer, quote, included):
    """What is wrong with one include, or None."""
    for library, what, where in OWNED:
        if what.match(included):
            return None if where.match(name) else f"{library} is not for this file: {included}"
    top = included.split("/")[0]
    if top in ("tests", "fuzz"):
        return f"{top}/ is not for the product: {included}"
    if top == "filters":
        if layer not in ("filters", "main.cc"):
            return f"a higher layer: {layer} includes filters ({included})"
        return None
    if top != "proxy":
        if quote == '"' and "/" not in included:
            return f'not from the root of the repository: "{included}"'
        return None
    if quote == "<":
        return f"Weir's own headers stand in quotes: <{included}>"
    included_rank, included_layer = layers.of(included)
    if included_rank is None:
        return included_layer
    if included_rank > rank:
        return f"a higher layer: {layer} includes {included_layer} ({included})"
    return None


def find_cycles(graph):
    """Each circle of headers once, as a list that begins and ends with the same file."""
    state, stack, cycles = {}, [], []

    def visit(name):
        state[name] = "open"
        stack.append(name)
        for next_name in graph.get(name, ()):
            if state.get(next_name) == "open":
                cycles.append(stack[stack.index(next_name):] + [next_name])
            elif next_name not in state:
                visit(next_name)
        stack.pop()
        state[name] = "done"

    for name in sorted(graph):
        if name not in state:
            visit(name)
    return cycles


def check(root):
    """Every mistake in a tree, as 'file:line: what'."""
    layers = Layers(read_layers(root))
    mistakes, graph, lines = [], {}, {}
    for name, path in sources(root):
        rank, layer = layers.of(name)
        if rank is None:
            mistakes.append(f"{name}:1: {layer}")
            continue
        for line, quote, included in includes(path):
            if wrong := check_include(layers, name, rank, layer, quote, included):
                mistakes.append(f"{name}:{line}: {wrong}")
            if name.endswith(".h") and included.startswith(("proxy/", "filters/")):
                graph.setdefault(name, []).append(included)
                lines[name, included] = line
    for cycle in find_cycles(graph):
        mistakes.append(f"{cycle[0]}:{lines[cycle[0], cycle[1]]}: a circle: {' -> '.join(cycle)}")
    return mistakes


# File, its includes, and a part of the mistake that must be found in it (None: none).
SELF_TEST = [
    ("proxy/base/a.h", ['"proxy/kube/b.h"'], "a higher layer: base includes kube"),
    ("proxy/kube/b.cc", ['"proxy/base/a.h"', '"proxy/kube/b.h"', "<string>"], None),
    ("proxy/base/c.cc", ["<event2/event.h>"], "libevent is not for this file"),
    ("proxy/event/c.cc", ["<event2/event.h>"], None),
    ("proxy/http/d.cc", ['"openssl/ssl.h"'], "OpenSSL is not for this file"),
    ("proxy/net/d.h", ["<openssl/ssl.h>"], None),
    ("proxy/net/e.cc", ["<nghttp2/nghttp2.h>"], "nghttp2 is not for this file"),
    ("proxy/cache/f.cc", ['"simdjson.h"'], "simdjson is not for this file"),
    ("proxy/base/strings.cc", ['"spdlog/spdlog.h"'], "spdlog is not for this file"),
    ("proxy/base/log.cc", ['"spdlog/spdlog.h"'], None),
    ("proxy/cli/g.cc", ['"yaml-cpp/yaml.h"'], "yaml-cpp is not for this file"),
    ("proxy/cli/h.cc", ['"CLI/CLI.hpp"'], "CLI11 is not for this file"),
    ("proxy/server/i.cc", ['"gtest/gtest.h"'], "a test library is not for this file"),
    ("proxy/server/j.cc", ['"filters/registry.h"'], "a higher layer: server includes filters"),
    ("proxy/main.cc", ['"filters/registry.h"', '"CLI/CLI.hpp"', '"proxy/cli/top.h"'], None),
    ("filters/k.cc", ['"proxy/filter/f.h"', '"proxy/kube/b.h"', '"filters/k.h"'], None),
    ("filters/l.cc", ['"proxy/cache/c.h"'], "a higher layer: filters includes cache"),
    ("proxy/cache/m.cc", ['"m.h"'], "not from the root of the repository"),
    ("proxy/cache/n.cc", ["<proxy/base/a.h>"], "stand in quotes"),
    ("proxy/cache/o.cc", ['"proxy/nowhere/a.h"'], "in no layer of proxy/LAYERS"),
    ("proxy/nowhere/p.cc", [], "in no layer of proxy/LAYERS"),
    ("proxy/q.cc", [], "in no layer of proxy/LAYERS"),
    ("proxy/admin/r.cc", ['"tests/support/x.h"'], "tests/ is not for the product"),
    ("proxy/cache/s1.h", ['"proxy/cache/s2.h"'], "a circle: proxy/cache/s1.h -> proxy/cache/s2.h"),
    ("proxy/cache/s2.h", ['"proxy/cache/s1.h"'], None),
    ("proxy/cache/t.h", ['"proxy/cache/t.h"'], "a circle"),
]


def self_test():
    repository = pathlib.Path(__file__).resolve().parent.parent
    failures = []
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        (root / "proxy").mkdir()
        (root / "proxy/LAYERS").write_text((repository / "proxy/LAYERS").read_text())
        for name, included, _ in SELF_TEST:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            text = '/* #include "simdjson.h"\n#include "simdjson.h"\n*/\n// #include "simdjson.h"\n'
            text += "".join(f"#include {what}\n" for what in included)
            (root / name).write_text(text)
        found = check(root)
    for name, _, expected in SELF_TEST:
        of_file = [mistake for mistake in found if mistake.startswith(name + ":")]
        if expected is None and of_file:
            failures.append(f"{name}: none expected, found {of_file}")
        if expected is not None and [expected in m for m in of_file] != [True]:
            failures.append(f"{name}: expected one with {expected!r}, found {of_file}")
    return failures


def main(arguments):
    if arguments == ["--self-test"]:
        mistakes = self_test()
        done = f"{len(SELF_TEST)} files judged as they should be"
    else:
        root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).parent.parent
        mistakes = check(root)
        done = "every include is in its layer"
    print("\n".join(mistakes) or done)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
