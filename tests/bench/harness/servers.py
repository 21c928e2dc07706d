# SPDX-License-Identifier: Apache-2.0
"""The programs that are measured: Weir, its peers among the proxies, and what is behind them."""

import base64
import http.client
import os
import pathlib
import re
import signal
import subprocess

from harness.process import Failed, Missing, Process, find_program, free_port, listens

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOKEN = "bench-token"


def built(name, given, *places):
    """A program of this repository: the given path, or the newest build of it."""
    if given:
        if not os.access(given, os.X_OK):
            raise Missing(f"{given} is no program")
        return pathlib.Path(given).resolve()
    found = [path for place in places if os.access(path := ROOT / place, os.X_OK)]
    if not found:
        raise Missing(f"{name} is not built: cmake --build build/tests --target {name}")
    return max(found, key=lambda path: path.stat().st_mtime)


def weir_binary(given):
    return built("weir", given or os.environ.get("WEIR_BIN"), "build/weir", "build/tests/weir")


def bare_server_binary(given):
    return built("bare_server", given or os.environ.get("BARE_SERVER_BIN"),
                 "build/bench/bare_server", "build/tests/bench/bare_server")


def simulator_binary(given):
    return built("weir-simulator", given or os.environ.get("WEIR_SIMULATOR_BIN"),
                 "build/weir-simulator", "build/tests/weir-simulator")


class Certificate:
    """A CA and one certificate for 127.0.0.1 and localhost, made by the openssl command."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.ca = self.directory / "ca.crt"
        self.cert = self.directory / "server.crt"
        self.key = self.directory / "server.key"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        self._openssl("req", "-x509", *key, "-keyout", self.directory / "ca.key", "-out", self.ca,
                      "-subj", "/CN=bench CA")
        self._openssl("req", "-x509", *key, "-keyout", self.key, "-out", self.cert,
                      "-subj", "/CN=localhost", "-CA", self.ca, "-CAkey", self.directory / "ca.key",
                      "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                      "-addext", "basicConstraints=critical,CA:FALSE")
        self.both = self.directory / "server.pem"
        self.both.write_text(self.cert.read_text() + self.key.read_text())

    @staticmethod
    def _openssl(*arguments):
        command = [find_program("openssl", "openssl"), *map(str, arguments)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}:\n{done.stdout}")


class BareServer(Process):
    """The reference, and the API server behind the proxies."""

    def __init__(self, binary, certificate, core, objects=0, object_bytes=4096):
        super().__init__("bare_server", [
            binary, "--cert", certificate.cert, "--key", certificate.key, "--objects", objects,
            "--object-bytes", object_bytes], certificate.directory / f"bare-{objects}.log", core)
        self.wait_for("its address", lambda: "listening on" in self.output())
        self.port = int(re.search(r"listening on .*:(\d+)\n", self.output()).group(1))
        self.address = f"127.0.0.1:{self.port}"

    def counters(self):
        before = self.output().count("\nrequests=")
        self.popen.send_signal(signal.SIGUSR1)
        self.wait_for("its counters", lambda: self.output().count("\nrequests=") > before)
        last = self.output().splitlines()[-1]
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", last)}


class Weir(Process):
    """`weir run` in front of a server; ready when the constructor returns."""

    def __init__(self, binary, directory, core, kubeconfig, wait=True, config="", admin_port=None):
        directory = pathlib.Path(directory)
        self.port, self.admin_port = free_port(), admin_port or free_port()
        self.client_dir = directory / f"client-{self.port}"
        self.client_dir.mkdir(exist_ok=True)
        self.address = f"127.0.0.1:{self.port}"
        config_file = directory / f"weir-{self.port}.yaml"
        config_file.write_text(config)
        super().__init__("weir", [
            binary, "run", "--config", config_file, "--kubeconfig", kubeconfig, "--listen",
            self.address, "--admin", f"127.0.0.1:{self.admin_port}", "--client-dir",
            self.client_dir, "--log-level", "warning"], directory / f"weir-{self.port}.log", core)
        if wait:
            self.wait_for("readiness", lambda: self.admin("/readyz")[0] == 200)

    def admin(self, path):
        """Status and text of an admin page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()



def write_kubeconfig(path, certificate, address):
    ca = base64.b64encode(certificate.ca.read_bytes()).decode()
    pathlib.Path(path).write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: bench\n"
        f"clusters: [{{name: bench, cluster: {{server: 'https://{address}', "
        f"certificate-authority-data: {ca}}}}}]\n"
        f"users: [{{name: bench, user: {{token: {TOKEN}}}}}]\n"
        "contexts: [{name: bench, context: {cluster: bench, user: bench}}]\n")
    return path


class Nghttpx(Process):
    """`backend` is a port; its certificate must be of `ca`, by default the benchmark's own."""

    def __init__(self, certificate, core, backend, ca=None):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        super().__init__("nghttpx", [
            find_program("nghttpx", "nghttp2-proxy"), "--conf=/dev/null", "--workers=1",
            f"--frontend=127.0.0.1,{self.port}",
            f"--backend=127.0.0.1,{backend};;proto=h2;tls;sni=localhost",
            f"--cacert={ca or certificate.ca}", "--accesslog-file=/dev/null",
            f"--pid-file={certificate.directory}/nghttpx.pid", certificate.key, certificate.cert],
            certificate.directory / "nghttpx.log", core)
        self.wait_for("its port", lambda: listens(self.port))


class Haproxy(Process):
    def __init__(self, certificate, core, backend):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        config = certificate.directory / "haproxy.cfg"
        config.write_text(
            "global\n  nbthread 1\n"
            "defaults\n  mode http\n  timeout connect 10s\n  timeout client 60s\n"
            "  timeout server 60s\n"
            f"frontend front\n  bind {self.address} ssl crt {certificate.both} alpn h2\n"
            "  default_backend back\n"
            f"backend back\n  http-reuse always\n  server bare 127.0.0.1:{backend} ssl verify "
            f"required ca-file {certificate.ca} sni str(localhost) alpn h2\n")
        super().__init__("haproxy", [find_program("haproxy", "haproxy"), "-db", "-f", config],
                         certificate.directory / "haproxy.log", core)
        self.wait_for("its port", lambda: listens(self.port))
