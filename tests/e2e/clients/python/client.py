#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads all ConfigMaps as programs on the Python client do, and writes down what it is told.

  client.py MODE KUBECONFIG MARKER

  stream    watches for two seconds at a time, each time from where the last one ended
  loop      lists once, then watches for as long as there is a watch, as people write informers
  informer  the client's own SharedInformer

Each line of the output is a JSON object: {"asks": "list" or "watch"}, {"trouble": text}, an event
{"type", "name", "uid", "version", "sha256"}, where what was listed is ADDED, and at last
{"final": {name: "uid@version"}}, once a ConfigMap called MARKER is there.
"""

import functools
import hashlib
import json
import sys
import threading
import time

from kubernetes import client, config, watch
from kubernetes.informer import ADDED, DELETED, ERROR, MODIFIED, SharedInformer

WATCH_SECONDS = 2


def say(**line):
    print(json.dumps(line), flush=True)


def counted(function):
    """Tells of each request; it still looks like the client's function to the client's Watch."""

    @functools.wraps(function)
    def ask(*args, **kwargs):
        say(asks="watch" if kwargs.get("watch") else "list")
        return function(*args, **kwargs)

    return ask


class Reader:
    def __init__(self, marker):
        self.api = client.CoreV1Api()
        self.list = counted(self.api.list_config_map_for_all_namespaces)
        self.marker = marker
        self.objects = {}
        self.marked = threading.Event()

    def told(self, kind, item):
        meta = item.metadata
        name = f"{meta.namespace}/{meta.name}"
        whole = json.dumps(self.api.api_client.sanitize_for_serialization(item), sort_keys=True)
        digest = hashlib.sha256(whole.encode()).hexdigest()
        say(type=kind, name=name, uid=meta.uid, version=meta.resource_version, sha256=digest)
        if kind == "DELETED":
            self.objects.pop(name, None)
        else:
            self.objects[name] = f"{meta.uid}@{meta.resource_version}"
        if meta.name == self.marker:
            self.marked.set()

    def list_all(self):
        """Returns the version of the list."""
        answer = self.list()
        for item in answer.items:
            self.told("ADDED", item)
        return answer.metadata.resource_version

    def stream(self):
        version = self.list_all()
        while not self.marked.is_set():
            watcher, began = watch.Watch(), time.monotonic()
            try:
                for event in watcher.stream(
                    self.list, resource_version=version, timeout_seconds=WATCH_SECONDS
                ):
                    self.told(event["type"], event["object"])
                    if self.marked.is_set():
                        return
                if time.monotonic() - began < WATCH_SECONDS - 0.1:
                    say(trouble="a watch has ended before its time")
            except Exception as error:
                self.troubled(error)
            version = watcher.resource_version or version

    def loop(self):
        version = None
        while True:
            watcher = watch.Watch()
            try:
                version = version or self.list_all()
                for event in watcher.stream(self.list, resource_version=version):
                    self.told(event["type"], event["object"])
                    if self.marked.is_set():
                        return
            except client.ApiException as error:
                self.troubled(error)
                if error.status == 410:
                    version = None
                    continue
            except Exception as error:
                self.troubled(error)
            version = watcher.resource_version or version

    def informer(self):
        informer = SharedInformer(self.list)
        for kind in (ADDED, MODIFIED, DELETED):
            informer.add_event_handler(kind, functools.partial(self.told, kind))
        informer.add_event_handler(ERROR, self.troubled)
        informer.start()
        self.marked.wait()
        metas = [o.metadata for o in informer.cache.list()]
        self.objects = {f"{m.namespace}/{m.name}": f"{m.uid}@{m.resource_version}" for m in metas}

    def troubled(self, error):
        say(trouble=repr(error))
        time.sleep(0.1)  # before the next try


def main():
    mode, kubeconfig, marker = sys.argv[1:]
    config.load_kube_config(kubeconfig)
    reader = Reader(marker)
    getattr(reader, mode)()
    say(final=reader.objects)


main()
