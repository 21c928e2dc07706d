// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"weir.dev/e2e/suite/harness"
)

const (
	metadataOnly         = ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	foosEverywhere       = "/apis/samplecontroller.k8s.io/v1alpha1/foos"
	configMapsEverywhere = "/api/v1/configmaps"
)

// cachedList is a list that Weir answers from memory.
type cachedList struct{ path, accept string }

var cachedLists = []cachedList{
	{configMapsEverywhere + "?resourceVersion=0", harness.JSON},
	{configMapsEverywhere + "?resourceVersion=0", harness.Protobuf},
	{configMapsEverywhere + "?resourceVersion=0&limit=500", harness.Protobuf + ",application/json"},
	{configMapsEverywhere + "?resourceVersion=0&labelSelector=color%3Dred", harness.JSON},
	{configMapsEverywhere + "?resourceVersion=0&labelSelector=color+in+(red),!none", harness.Protobuf},
	{configMapsEverywhere + "?resourceVersion=0&labelSelector=color%3Dmauve", harness.JSON},
	{configMapsEverywhere + "?resourceVersion=0&fieldSelector=metadata.name%3Dobject-01", harness.JSON},
	{configMapsEverywhere + "?resourceVersion=0&fieldSelector=metadata.namespace%3Dwriter-a", harness.JSON},
	{"/api/v1/namespaces/writer/configmaps?resourceVersion=0", harness.JSON},
	{"/api/v1/namespaces/writer/configmaps?resourceVersion=0", harness.Protobuf},
	{"/api/v1/namespaces/no-such-namespace/configmaps?resourceVersion=0", harness.JSON},
	{configMapsEverywhere + "?resourceVersion=0", harness.JSON + metadataOnly},
	{configMapsEverywhere + "?resourceVersion=0", harness.Protobuf + metadataOnly},
	{foosEverywhere + "?resourceVersion=0", harness.JSON},
	{foosEverywhere + "?resourceVersion=0&limit=500", harness.JSON},
	{"/apis/samplecontroller.k8s.io/v1alpha1/namespaces/writer/foos?resourceVersion=0", harness.JSON},
	{"/apis/apps/v1/deployments?resourceVersion=0", harness.JSON},
	{"/apis/apps/v1/deployments?resourceVersion=0", harness.Protobuf},
}

// A list from the cache is the API server's own list, byte for byte.
func TestListBytes(t *testing.T) {
	server := sharedCluster(t)
	write(t, server, 30, 400)
	straight := need(harness.NewRawClient(server.Config("admin"), false))(t)
	throughWeir(t, server, func(t *testing.T, w *way) {
		through := w.raw(t)
		for _, list := range cachedLists {
			// The first request fills the cache, so that the next is served from it.
			_, _, err := through.Get(context.Background(), list.path, "Accept", list.accept)
			must(t, err)
			compareLists(t, server, straight, through, list)
		}
	})
}

// compareLists asks both until both are at the same version, and touches the
// resource in between: neither needs to be at the newest at once.
func compareLists(t *testing.T, server *harness.APIServer, straight, through *harness.RawClient, list cachedList) {
	t.Helper()
	ctx := context.Background()
	err := harness.PollFor(20*time.Second, 50*time.Millisecond, func() error {
		first, want, err := straight.Get(ctx, list.path, "Accept", list.accept)
		if err != nil {
			return err
		}
		second, got, err := through.Get(ctx, list.path, "Accept", list.accept)
		if err != nil {
			return err
		}
		if first.StatusCode != http.StatusOK || second.StatusCode != http.StatusOK {
			return harness.Final(fmt.Errorf("straight %s, through Weir %s: %s", first.Status, second.Status, got))
		}
		if a, b := listVersion(want), listVersion(got); a != b {
			touch(t, server)
			return fmt.Errorf("straight is at version %q, Weir at %q", a, b)
		}
		if a, b := first.Header.Get("Content-Type"), second.Header.Get("Content-Type"); a != b {
			return harness.Final(fmt.Errorf("content type %q straight, %q through Weir", a, b))
		}
		if !bytes.Equal(want, got) {
			return harness.Final(differentBytes(want, got))
		}
		return nil
	})
	if err != nil {
		t.Errorf("%s as %s: %v", list.path, list.accept, err)
	}
}

// touch makes a new version of each resource that is compared.
func touch(t *testing.T, server *harness.APIServer) {
	t.Helper()
	client := adminClient(t, server)
	patch := []byte(fmt.Sprintf(`{"metadata":{"annotations":{"touched":"%d"}}}`, time.Now().UnixNano()))
	for _, resource := range resourceOf {
		for _, namespace := range harness.WriterNamespaces {
			list := need(client.Resource(resource).Namespace(namespace).List(context.Background(), metav1.ListOptions{Limit: 1}))(t)
			for _, item := range list.Items {
				_, err := client.Resource(resource).Namespace(namespace).
					Patch(context.Background(), item.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
				must(t, err)
			}
		}
	}
}

func differentBytes(want, got []byte) error {
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	around := func(b []byte) []byte { return b[max(0, min(at-60, len(b))):min(at+60, len(b))] }
	return fmt.Errorf("%d bytes straight, %d through Weir, different from byte %d:\n%q\n%q",
		len(want), len(got), at, around(want), around(got))
}

// rawWatch is a watch that Weir serves from memory.
type rawWatch struct{ path, query, accept string }

var cachedWatches = []rawWatch{
	{configMapsEverywhere, "", harness.JSON},
	{configMapsEverywhere, "", harness.Protobuf},
	{configMapsEverywhere, "&labelSelector=color%3Dred", harness.JSON},
	{configMapsEverywhere, "&labelSelector=color%3Dred", harness.Protobuf},
	{configMapsEverywhere, "&fieldSelector=metadata.name%3Dpinned", harness.JSON},
	{"/api/v1/namespaces/writer/configmaps", "", harness.JSON},
	{"/api/v1/namespaces/writer-a/configmaps", "", harness.Protobuf},
	{foosEverywhere, "", harness.JSON},
	{"/apis/apps/v1/deployments", "", harness.Protobuf},
}

// A watch from a version brings the API server's own bytes, but for bookmarks,
// which each of them sends when it likes.
func TestWatchBytes(t *testing.T) {
	server := sharedCluster(t)
	write(t, server, 31, 300)
	straight := need(harness.NewRawClient(server.Config("admin"), false))(t)
	throughWeir(t, server, func(t *testing.T, w *way) {
		through := w.raw(t)
		paths := make([]string, len(cachedWatches))
		for i, watch := range cachedWatches {
			// Fills the cache, and tells where both are to watch from.
			_, body, err := through.Get(context.Background(), watch.path+"?resourceVersion=0", "Accept", watch.accept)
			must(t, err)
			paths[i] = fmt.Sprintf("%s?watch=1&allowWatchBookmarks=true&timeoutSeconds=2&resourceVersion=%s%s",
				watch.path, listVersion(body), watch.query)
		}
		admin := adminClient(t, server)
		createConfigMap(t, admin, "writer", "pinned")
		write(t, server, 32, 400)
		must(t, admin.Resource(harness.ConfigMaps).Namespace("writer").
			Delete(context.Background(), "pinned", metav1.DeleteOptions{}))
		compareWatches(t, straight, through, paths)
	})
}

// compareWatches opens all of them at once, and then waits for their ends.
func compareWatches(t *testing.T, straight, through *harness.RawClient, paths []string) {
	t.Helper()
	first := make([]*harness.RawWatch, len(paths))
	second := make([]*harness.RawWatch, len(paths))
	for i, path := range paths {
		first[i] = need(straight.Watch(context.Background(), path, cachedWatches[i].accept))(t)
		second[i] = need(through.Watch(context.Background(), path, cachedWatches[i].accept))(t)
	}
	for i, path := range paths {
		if err := sameEvents(eventsUntilEnd(t, first[i]), eventsUntilEnd(t, second[i])); err != nil {
			t.Errorf("%s as %s: %v", path, cachedWatches[i].accept, err)
		}
	}
}

func sameEvents(want, got []harness.Frame) error {
	if len(want) == 0 {
		return errors.New("no events, so nothing is compared")
	}
	for i := range min(len(want), len(got)) {
		if !bytes.Equal(want[i].Bytes, got[i].Bytes) {
			return fmt.Errorf("event %d: %w", i, differentBytes(want[i].Bytes, got[i].Bytes))
		}
	}
	if len(want) != len(got) {
		return fmt.Errorf("%d events straight, %d through Weir", len(want), len(got))
	}
	return nil
}

// eventsUntilEnd waits for the clean end that timeoutSeconds asks for.
func eventsUntilEnd(t *testing.T, watch *harness.RawWatch) []harness.Frame {
	t.Helper()
	must(t, watch.WaitEnd(20*time.Second))
	var events []harness.Frame
	for _, frame := range watch.Frames() {
		if frame.Type != "BOOKMARK" {
			events = append(events, frame)
		}
	}
	return events
}
