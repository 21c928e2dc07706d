// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
)

// RequestTotals counts LISTs and WATCHes as the API server's own metrics do: those
// that are over, and the watches that are still open.
func (s *APIServer) RequestTotals(resources ...string) (lists, watches int, err error) {
	client, err := NewRawClient(s.Config("admin"), false)
	if err != nil {
		return 0, 0, err
	}
	_, page, err := client.Get(context.Background(), "/metrics")
	if err != nil {
		return 0, 0, err
	}
	input := bufio.NewScanner(bytes.NewReader(page))
	input.Buffer(nil, 1<<20)
	for input.Scan() {
		line := input.Text()
		over := strings.HasPrefix(line, "apiserver_request_total{")
		open := strings.HasPrefix(line, "apiserver_longrunning_requests{")
		if !over && !open || !namesAny(line, resources) {
			continue
		}
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, 0, err
		}
		switch {
		case strings.Contains(line, `verb="LIST"`) && over:
			lists += int(value)
		case strings.Contains(line, `verb="WATCH"`):
			watches += int(value)
		}
	}
	return lists, watches, input.Err()
}

func namesAny(line string, resources []string) bool {
	for _, resource := range resources {
		if strings.Contains(line, `resource="`+resource+`"`) {
			return true
		}
	}
	return false
}

// Metric is one of Weir's own numbers, over all its labels.
func (w *Weir) Metric(name string) (float64, error) {
	page, err := w.AdminPage("/metrics")
	if err != nil {
		return 0, err
	}
	total, found := 0.0, false
	for _, line := range strings.Split(page, "\n") {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		total, found = total+value, true
	}
	if !found {
		return 0, fmt.Errorf("weir has no metric %q", name)
	}
	return total, nil
}

// FromCache is how many requests for a resource Weir has answered from its caches, by verb.
func (w *Weir) FromCache(resource string) (map[string]int, error) {
	page, err := w.AdminPage("/metrics")
	if err != nil {
		return nil, err
	}
	answered := map[string]int{}
	for _, line := range strings.Split(page, "\n") {
		if !strings.HasPrefix(line, "weir_downstream_requests_total{") ||
			!strings.Contains(line, `source="cache"`) || !namesAny(line, []string{resource}) {
			continue
		}
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return nil, err
		}
		for _, verb := range []string{"get", "list", "watch"} {
			if strings.Contains(line, `verb="`+verb+`"`) {
				answered[verb] += int(value)
			}
		}
	}
	return answered, nil
}

// ForwardedWatches is why Weir has forwarded watches, and how many for each reason.
func (w *Weir) ForwardedWatches() (map[string]int, error) {
	page, err := w.AdminPage("/metrics")
	if err != nil {
		return nil, err
	}
	reasons := map[string]int{}
	for _, line := range strings.Split(page, "\n") {
		if !strings.HasPrefix(line, "weir_downstream_requests_total{") || !strings.Contains(line, `verb="watch"`) {
			continue
		}
		_, rest, found := strings.Cut(line, `reason="`)
		reason, _, _ := strings.Cut(rest, `"`)
		if !found || reason == "" {
			continue
		}
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return nil, err
		}
		reasons[reason] += int(value)
	}
	return reasons, nil
}
