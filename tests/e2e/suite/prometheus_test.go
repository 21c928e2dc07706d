// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir.dev/e2e/suite/harness"
)

// A real Prometheus scrapes Weir and loads the alerts; every panel of the dashboard is a
// query that it takes, and a cut wire to the API server is what the alerts then tell of.
func TestPrometheusScrapesWeir(t *testing.T) {
	w := newWay(t, sharedCluster(t), "weir")
	p := startPrometheus(t, w.weir)
	client := need(harness.NewRawClient(w.config, false))(t)
	watch := need(client.Watch(context.Background(), "/api/v1/namespaces?watch=1&resourceVersion=0", "application/json"))(t)
	defer watch.Close()
	must(t, watch.WaitFrames(1, 10*time.Second))
	p.wait(t, `up{job="weir"} == 1`)
	p.wait(t, `weir_cache_healthy{resource="namespaces", pod="weir"} == 1`)
	p.wait(t, `rate(weir_server_start_time_seconds[1m]) == 0`) // more than one scrape
	if unit := p.unit(t, "weir_cache_ingest_seconds"); unit != "seconds" {
		t.Errorf("the unit of a family is %q: was it scraped as OpenMetrics?", unit)
	}
	for title, expr := range dashboardQueries(t) {
		if _, err := p.query(expr); err != nil {
			t.Errorf("panel %q: %v", title, err)
		}
	}
	if alerts := p.alerts(t); len(alerts) != 0 {
		t.Errorf("all is well, and there are alerts: %v", alerts)
	}
	w.relay.Cut()
	must(t, harness.PollFor(30*time.Second, 200*time.Millisecond, func() error {
		alerts := strings.Join(p.alerts(t), " ")
		for _, expected := range []string{"WeirWatchDown", "WeirUpstreamUnreachable"} {
			if !strings.Contains(alerts, expected) {
				return fmt.Errorf("no %s among %q", expected, alerts)
			}
		}
		return nil
	}))
	w.relay.Heal()
	p.wait(t, `weir_cache_healthy{resource="namespaces", pod="weir"} == 1`)
}

type prometheus struct {
	*harness.Process
	address string
}

// startPrometheus runs Debian's, which scrapes that Weir each second.
func startPrometheus(t *testing.T, weir *harness.Weir) *prometheus {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil && os.Getenv("WEIR_REQUIRED") != "1" {
		t.Skip(err)
	}
	must(t, err)
	dir := testDir(t)
	config := fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
- job_name: weir
  static_configs:
  - targets: [%q]
    labels: {namespace: default, pod: weir}
`, filepath.Join(harness.Root(), "deploy", "monitoring", "alerts.yaml"), weir.Admin)
	file := filepath.Join(dir, "prometheus.yaml")
	must(t, os.WriteFile(file, []byte(config), 0o644))
	p := &prometheus{address: need(harness.FreeAddress())(t)}
	p.Process = need(harness.StartProcess("prometheus", filepath.Join(dir, "prometheus.log"), binary,
		"--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "tsdb"),
		"--web.listen-address", p.address, "--log.level", "warn"))(t)
	t.Cleanup(p.Kill)
	return p
}

// get reads the data of an answer of its API.
func (p *prometheus) get(path string, query url.Values, into any) error {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get("http://" + p.address + "/api/v1/" + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: into}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", response.Status, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", path, answer.Error)
	}
	return nil
}

// query says how many series a query has.
func (p *prometheus) query(expr string) (int, error) {
	var data struct{ Result []json.RawMessage }
	err := p.get("query", url.Values{"query": {expr}}, &data)
	return len(data.Result), err
}

// wait waits until a query has a result.
func (p *prometheus) wait(t *testing.T, expr string) {
	t.Helper()
	must(t, harness.PollFor(30*time.Second, 100*time.Millisecond, func() error {
		if p.Exited() {
			return harness.Final(fmt.Errorf("prometheus has ended:\n%s", p.Tail(15)))
		}
		series, err := p.query(expr)
		if err == nil && series == 0 {
			err = fmt.Errorf("%s: nothing", expr)
		}
		return err
	}))
}

// unit is that of a family, which only OpenMetrics tells.
func (p *prometheus) unit(t *testing.T, family string) string {
	t.Helper()
	var data map[string][]struct{ Unit string }
	must(t, p.get("metadata", url.Values{"metric": {family}}, &data))
	if len(data[family]) == 0 {
		return ""
	}
	return data[family][0].Unit
}

// alerts are the names of those that are pending or firing.
func (p *prometheus) alerts(t *testing.T) (names []string) {
	t.Helper()
	var data struct {
		Alerts []struct{ Labels map[string]string }
	}
	must(t, p.get("alerts", nil, &data))
	for _, alert := range data.Alerts {
		names = append(names, alert.Labels["alertname"])
	}
	return names
}

// dashboardQueries are those of its panels, as Grafana would send them.
func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	content := need(os.ReadFile(filepath.Join(harness.Root(), "deploy", "monitoring", "dashboard.json")))(t)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	must(t, json.Unmarshal(content, &dashboard))
	fill := strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$namespace", ".*", "$pod", ".*")
	queries := map[string]string{}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries[panel.Title+" "+target.RefID] = fill.Replace(target.Expr)
		}
	}
	if len(queries) == 0 {
		t.Fatal("the dashboard asks nothing")
	}
	return queries
}
