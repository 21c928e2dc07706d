// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir.dev/e2e/suite/harness"
)

// Whoever keeps the demo running has a page on which something happens: streams of an operator,
// changes that it answers, and an object that it leaves.
func TestDemoIsKept(t *testing.T) {
	needWeir(t, "weir")
	log := filepath.Join(testDir(t), "demo.log")
	demo := need(harness.StartProcess("weir-demo", log, need(harness.Binary("weir-demo"))(t),
		"--keep", "--objects", "20", "--restarts", "1"))(t)
	t.Cleanup(demo.Kill)
	_, err := demo.WaitForLog(timeout(t, 3*time.Minute), 0, "still running")
	must(t, err)
	printed := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	var page string
	must(t, harness.PollFor(10*time.Second, 50*time.Millisecond, func() error {
		if page = printed.FindString(string(need(os.ReadFile(log))(t))); page == "" {
			return fmt.Errorf("no address is printed")
		}
		return nil
	}))
	shows := func(path string, texts ...string) {
		t.Helper()
		must(t, harness.PollFor(60*time.Second, 200*time.Millisecond, func() error {
			body, err := get(page + path)
			for _, text := range texts {
				if err == nil && !strings.Contains(body, text) {
					err = fmt.Errorf("%s does not say %q yet:\n%s", path, text, body)
				}
			}
			return err
		}))
	}
	shows("/", "<!doctype html>")
	shows("/streams", `"foos.samplecontroller.k8s.io"`, `"deployments.apps"`, "sample-controller/")
	shows("/changes", `"spec.replicas"`, `"deployments.apps"`)
	shows("/objects/stuck", `"name-is-taken"`)
	// The operator answers, so that its own stage has figures.
	must(t, harness.PollFor(30*time.Second, 200*time.Millisecond, func() error {
		body, err := get(page + "/lag")
		if err != nil {
			return err
		}
		var lag struct {
			Resources []struct {
				Stages []struct {
					Stage      string
					LastMinute struct{ Count int }
				}
			}
		}
		must(t, json.Unmarshal([]byte(body), &lag))
		for _, resource := range lag.Resources {
			for _, stage := range resource.Stages {
				if stage.Stage == "eventToAction" && stage.LastMinute.Count > 0 {
					return nil
				}
			}
		}
		return fmt.Errorf("nobody acts:\n%s", body)
	}))
	demo.Signal(syscall.SIGINT)
	must(t, harness.PollFor(30*time.Second, 50*time.Millisecond, func() error {
		if !demo.Exited() {
			return fmt.Errorf("it goes on after Ctrl-C")
		}
		return nil
	}))
	code, err := demo.Stop(30 * time.Second)
	if must(t, err); code != 0 {
		t.Errorf("it ended with %d:\n%s", code, demo.Tail(20))
	}
	if body, err := get(page + "/livez"); err == nil {
		t.Errorf("Weir is still there: %s", body)
	}
}

func get(url string) (string, error) {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
