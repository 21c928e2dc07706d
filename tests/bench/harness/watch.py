# SPDX-License-Identifier: Apache-2.0
"""Watches that a benchmark reads itself."""

import http.client
import re
import selectors
import socket
import ssl
import time

from harness.process import Failed
from harness.tls import unverified

VERSION = re.compile(rb'"resourceVersion":"(\d+)"')
WATCH = "/api/v1/configmaps?watch=1&allowWatchBookmarks=true&resourceVersion="


class Watch:
    """A watch over HTTP/1.1 that notes when each version came."""

    def __init__(self, name, port, token):
        """Lists, then watches from there."""
        self.name, self.port, self.token = name, port, token
        self.arrivals = {}
        self.received = self.text = b""  # What is in no whole chunk, and in no whole line yet.
        self.events = 0  # All but bookmarks.
        self.tls = unverified()
        version = VERSION.search(self.list()).group(1).decode()
        self.socket = self.tls.wrap_socket(socket.create_connection(("127.0.0.1", port), 20))
        self.socket.sendall(f"GET {WATCH}{version} HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                            f"Bearer {token}\r\nAccept: application/json\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.received:
            self.receive()
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 ") or b"chunked" not in head:
            raise Failed(f"{name} answered to a watch: {head!r}")
        self.socket.setblocking(False)

    def list(self):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls,
                                                 timeout=20)
        connection.request("GET", "/api/v1/configmaps?resourceVersion=0", headers={
            "Authorization": f"Bearer {self.token}", "Accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise Failed(f"{self.name} answered {answer.status} to a list: {body[:300]!r}")
        return body

    def receive(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise Failed(f"{self.name} closed the connection")
        self.received += data

    def read(self):
        """Takes what is there."""
        while True:
            try:
                self.receive()
            except (ssl.SSLWantReadError, BlockingIOError):
                return
            now = time.perf_counter()
            for line in self.lines():
                self.events += not line.startswith(b'{"type":"BOOKMARK"')
                if line.startswith(b'{"type":"MODIFIED"'):
                    self.arrivals[int(VERSION.search(line).group(1))] = now

    def lines(self):
        """The whole lines of the whole chunks."""
        while True:
            head, end, rest = self.received.partition(b"\r\n")
            if not end or len(rest) < (size := int(head, 16)) + 2:
                break
            if size == 0:
                raise Failed(f"{self.name} ended the watch")
            self.text += rest[:size]
            self.received = rest[size + 2:]
        *whole, self.text = self.text.split(b"\n")
        return whole

    def close(self):
        self.socket.close()


def collect(watches, seconds):
    """Reads both, whichever is ready, for so long."""
    with selectors.DefaultSelector() as selector:
        for watch in watches:
            selector.register(watch.socket, selectors.EVENT_READ, watch)
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            for key, _ in selector.select(left):
                key.data.read()
