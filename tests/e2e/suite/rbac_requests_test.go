// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"weir.dev/e2e/suite/harness"
)

// One request of the matrix.
type rbacRequest struct{ verb, path, accept string }

// What matters of its answer. A list or object is one part, a watch one for each event.
type rbacAnswer struct {
	status  int
	headers string
	parts   []string
}

func (a rbacAnswer) String() string {
	return fmt.Sprintf("%d %s, %d parts: %.600q", a.status, a.headers, len(a.parts), a.parts)
}

var rbacEncodings = []string{harness.JSON, harness.Protobuf, harness.JSON + metadataOnly}

// Reads of ConfigMaps everywhere and in one namespace, by all names and by one, in every way that
// there is; a watch goes on from a version, and lasts for some seconds.
func rbacRequests(namespace, version string, seconds int) []rbacRequest {
	var requests []rbacRequest
	add := func(verb, path, query, accept string) {
		if verb != "list" {
			accept = strings.Replace(accept, "ObjectMetadataList", "ObjectMetadata", 1)
		}
		requests = append(requests, rbacRequest{verb, path + query, accept})
	}
	inOne := "/api/v1/namespaces/" + namespace + "/configmaps"
	watch := fmt.Sprintf("?watch=1&timeoutSeconds=%d&allowWatchBookmarks=true", seconds)
	for _, accept := range rbacEncodings {
		for _, path := range []string{configMapsEverywhere, inOne} {
			for _, one := range []string{"", "&fieldSelector=metadata.name%3Done"} {
				add("list", path, "?resourceVersion=0"+one, accept)
				add("list", path, strings.Replace(one, "&", "?", 1), accept)
				fromTheStart := "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
				if !harness.StreamLists() {
					fromTheStart = "&resourceVersion=0"
				}
				if path != configMapsEverywhere || one == "" || !harness.ForgetsNames() {
					add("watch", path, watch+fromTheStart+one, accept)
				}
				add("watch", path, watch+"&resourceVersion="+version+one, accept)
			}
		}
		for _, name := range []string{"one", "two", "none"} {
			add("get", inOne+"/"+name, "?resourceVersion=0", accept)
			add("get", inOne+"/"+name, "", accept)
		}
	}
	return requests
}

// rbacClient speaks as somebody over a connection of its own: a 401 makes the API server drop it.
func rbacClient(t *testing.T, config *rest.Config, token, as string) *harness.RawClient {
	t.Helper()
	config = rest.CopyConfig(config)
	config.BearerToken, config.BearerTokenFile = token, ""
	config.Impersonate.UserName = as
	// client-go shares the connections of all that dial alike.
	config.Dial = (&net.Dialer{}).DialContext
	return need(harness.NewRawClient(config, false))(t)
}

// askAll sends all requests at once.
func askAll(client *harness.RawClient, requests []rbacRequest) ([]rbacAnswer, error) {
	answers, errs := make([]rbacAnswer, len(requests)), make([]error, len(requests))
	var group sync.WaitGroup
	for i, request := range requests {
		group.Go(func() { answers[i], errs[i] = request.ask(client) })
	}
	group.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%+v: %w", requests[i], err)
		}
	}
	return answers, nil
}

func (r rbacRequest) ask(client *harness.RawClient) (rbacAnswer, error) {
	response, body, err := client.Get(context.Background(), r.path, "Accept", r.accept)
	if err != nil {
		return rbacAnswer{}, err
	}
	answer := rbacAnswer{status: response.StatusCode, parts: []string{string(body)}}
	for _, name := range []string{"Content-Type", "Cache-Control", "X-Content-Type-Options", "Warning"} {
		answer.headers += fmt.Sprintf("%q ", response.Header.Values(name))
	}
	switch {
	case response.StatusCode != http.StatusOK:
	case r.verb == "list":
		answer.parts, err = listWithoutVersion(body)
	case r.verb == "watch":
		answer.parts, err = eventsOf(body, response.Header.Get("Content-Type"))
	}
	return answer, err
}

var jsonListVersion = regexp.MustCompile(`"metadata":\{"resourceVersion":"\d+"\}`)

// listWithoutVersion is a list but for its version: a cache may be at an older one.
func listWithoutVersion(body []byte) ([]string, error) {
	if listVersion(body) == "" {
		return nil, fmt.Errorf("a list without a version: %q", body)
	}
	prefix, isProtobuf := bytes.CutPrefix(body, []byte("k8s\x00"))
	if !isProtobuf {
		at := jsonListVersion.FindIndex(body)
		if at == nil {
			return nil, fmt.Errorf("a list of an unknown form: %q", body)
		}
		return []string{string(body[:at[0]]) + string(body[at[1]:])}, nil
	}
	var envelope runtime.Unknown
	if err := envelope.Unmarshal(prefix); err != nil {
		return nil, err
	}
	head := firstField(envelope.Raw)
	// Its tag and its length, which is small.
	items := envelope.Raw[2+len(head):]
	return []string{fmt.Sprint(envelope.TypeMeta, envelope.ContentType), string(items)}, nil
}

// eventsOf are the events of a watch that has ended, without the bookmarks that each server sends
// when it likes; of the one that ends a stream-list, without its version.
func eventsOf(body []byte, contentType string) ([]string, error) {
	var events []string
	for len(body) > 0 {
		var frame []byte
		var kind string
		if strings.HasPrefix(contentType, harness.Protobuf) {
			if len(body) < 4 || len(body) < 4+int(binary.BigEndian.Uint32(body)) {
				return nil, fmt.Errorf("the watch ended within a frame")
			}
			size := 4 + int(binary.BigEndian.Uint32(body))
			var event metav1.WatchEvent
			if err := event.Unmarshal(body[4:size]); err != nil {
				return nil, err
			}
			frame, body, kind = body[:size], body[size:], event.Type
		} else {
			size := bytes.IndexByte(body, '\n') + 1
			var event struct{ Type string }
			if err := json.Unmarshal(body[:size], &event); err != nil {
				return nil, fmt.Errorf("%q: %w", body, err)
			}
			frame, body, kind = body[:size], body[size:], event.Type
		}
		switch {
		case kind != "BOOKMARK":
			events = append(events, string(frame))
		case bytes.Contains(frame, []byte("k8s.io/initial-events-end")):
			events = append(events, "the initial events end")
		}
	}
	return events, nil
}

// isLate says whether an answer is only late: a cache follows the changes of the API server, and a
// watch may end before all was sent.
func (a rbacAnswer) isLate(r rbacRequest, want rbacAnswer, changed bool) bool {
	if a.status != http.StatusOK || want.status != http.StatusOK || a.headers != want.headers {
		return false
	}
	if r.verb == "watch" && len(a.parts) < len(want.parts) && slices.Equal(a.parts, want.parts[:len(a.parts)]) {
		return true
	}
	return changed && (strings.Contains(r.path, "resourceVersion=0") || strings.Contains(r.path, "sendInitialEvents"))
}

func (a rbacAnswer) equals(b rbacAnswer) bool {
	return a.status == b.status && a.headers == b.headers && slices.Equal(a.parts, b.parts)
}
