// SPDX-License-Identifier: Apache-2.0

// Package e2e runs real programs against a real API server, each scenario straight
// and through Weir, and wants the same of both.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"weir.dev/e2e/suite/harness"
)

// Everything this run writes; kept when a test fails.
var runDir string

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if runDir, err = os.MkdirTemp("", "weir-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if shared.server != nil {
		shared.server.Stop()
	}
	if code == 0 {
		os.RemoveAll(runDir)
	} else {
		fmt.Fprintln(os.Stderr, "the logs of all programs are in", runDir)
	}
	os.Exit(code)
}

var unsafeInPath = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// testDir is a directory of this test alone.
func testDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(runDir, unsafeInPath.ReplaceAllString(strings.ReplaceAll(t.Name(), "/", "."), "-"))
	must(t, os.MkdirAll(dir, 0o755))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// need is must for a call that also returns something.
func need[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return value
	}
}

// The cluster that most tests share: to start one costs seconds.
var shared struct {
	once   sync.Once
	server *harness.APIServer
	err    error
}

func sharedCluster(t *testing.T) *harness.APIServer {
	t.Helper()
	shared.once.Do(func() {
		shared.server, shared.err = harness.StartAPIServer(filepath.Join(runDir, "cluster"))
		if shared.err == nil {
			shared.err = harness.CreateFooCRD(context.Background(), shared.server.Config("admin"))
		}
	})
	must(t, shared.err)
	return shared.server
}

// ownCluster is for a test that breaks its API server.
func ownCluster(t *testing.T, flags ...string) *harness.APIServer {
	t.Helper()
	server := need(harness.StartAPIServer(filepath.Join(testDir(t), "cluster"), flags...))(t)
	t.Cleanup(server.Stop)
	must(t, harness.CreateFooCRD(context.Background(), server.Config("admin")))
	return server
}
