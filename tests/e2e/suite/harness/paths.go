// SPDX-License-Identifier: Apache-2.0

// Package harness starts the real programs that the end-to-end tests and the
// demo need (kube-apiserver, Weir, operators), as children on loopback, and
// reads what they say about themselves.
package harness

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
)

// Root is the top of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "..")
}

func binDir() string {
	if dir := os.Getenv("E2E_BIN"); dir != "" {
		return dir
	}
	return filepath.Join(Root(), "build", "e2e", "bin")
}

// PythonClient is the Python that has the client of Kubernetes, and the program for it.
func PythonClient() (python, program string) {
	return filepath.Join(binDir(), "..", "python", "bin", "python3"),
		filepath.Join(Root(), "tests", "e2e", "clients", "python", "client.py")
}

// NodeClient is the program for the client of Kubernetes for node, where that is installed.
func NodeClient() string { return filepath.Join(binDir(), "..", "node", "client.mjs") }

// Binary is the path of a program that tests/e2e/run has built.
func Binary(name string) (string, error) {
	path := filepath.Join(binDir(), name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%q is not built: run tests/e2e/run --build-only", path)
	}
	return path, nil
}

// apiServerProgram is the API server that the tests are run with.
func apiServerProgram() string {
	if version := ServerVersion(); version != NewestServer {
		return "weir-testapiserver-" + version
	}
	return "weir-testapiserver"
}

const NewestServer = "1.36"

// ServerVersion is that of the API server, by E2E_SERVER.
func ServerVersion() string {
	if version := os.Getenv("E2E_SERVER"); version != "" {
		return version
	}
	return NewestServer
}

// StreamLists says whether the API server takes stream-lists with the flags that it has by default.
func StreamLists() bool { return ServerVersion() == NewestServer }

// ForgetsNames says whether the API server tells who watches all namespaces for one name from 0 of
// changes alone, and not of what there is.
func ForgetsNames() bool { return ServerVersion() == "1.31" }

// FromTheStart is the query of a watch that is told first what there is: by a stream-list, whose
// initial events end with a bookmark, or by what there was before those.
func FromTheStart() string {
	if !StreamLists() {
		return "watch=1&allowWatchBookmarks=true&resourceVersion=0"
	}
	return "watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0"
}

// FreeAddress returns a loopback address nobody listens on. Another process may
// take it before its user does; the kernel hands ports out in turn, so this is rare.
func FreeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
