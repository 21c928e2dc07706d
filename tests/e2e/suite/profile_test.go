// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"weir.dev/e2e/suite/harness"
)

type profilesPage struct {
	Profiles []struct {
		ID      int
		Seconds float64
		Reason  string
		Samples int
	}
}

// A moment in which Weir is slow leaves a profile that shows what it did, and one may be
// asked for.
func TestProfile(t *testing.T) {
	needWeir(t, wayNames[1])
	server := sharedCluster(t)
	// Everything is slow by this measure.
	way := newWay(t, server, wayNames[1], "--config", configFile(t, "record:\n  slowDispatch: 1us\n"))
	namespace := newNamespace(t, server)
	for i := range 20 {
		watch := need(way.raw(t).Watch(context.Background(), fmt.Sprintf(
			"/api/v1/namespaces/%s/configmaps?watch=1&resourceVersion=0&labelSelector=a!%%3D%d", namespace, i), harness.JSON))(t)
		t.Cleanup(watch.Close)
	}
	ctx, stop := context.WithCancel(context.Background())
	busy := make(chan struct{})
	objects := configMapsOf(t, server.Config("admin"), namespace)
	createIn(t, objects, namespace, "busy")
	go func() {
		defer close(busy)
		for ctx.Err() == nil {
			patch := fmt.Appendf(nil, `{"data":{"touched":"%d"}}`, time.Now().UnixNano())
			objects.Patch(ctx, "busy", types.MergePatchType, patch, metav1.PatchOptions{})
		}
	}()
	defer func() { stop(); <-busy }()

	must(t, harness.PollFor(30*time.Second, 200*time.Millisecond, func() error {
		for _, profile := range adminJSON[profilesPage](t, way.weir, "/profiles").Profiles {
			if strings.HasPrefix(profile.Reason, "dispatch of configmaps had a p99 of ") && profile.Seconds == 2 {
				return nil
			}
		}
		return fmt.Errorf("no slow moment has left a profile")
	}))
	folded := need(way.weir.AdminPage("/profile?seconds=3"))(t)
	if !strings.Contains(folded, "worker-0;") || !strings.Contains(folded, "weir::") {
		t.Errorf("the busy worker and its functions are not in the profile:\n%s", folded)
	}
	newest := adminJSON[profilesPage](t, way.weir, "/profiles").Profiles[0]
	if newest.Reason != "asked for" || newest.Samples == 0 {
		t.Errorf("the newest profile is %+v", newest)
	}
	b := newBrowser(t, way.weir.Admin)
	b.waitFor("#profiles li", "dispatch of configmaps had a p99 of ")
	b.waitUntil(10*time.Second, `/^M1[67]\d\.\d 0V34/.test(document.querySelector('#stages path.mark').getAttribute('d'))`)
	b.waitFor("#marked", "a slow moment of Weir")
	b.screenshot("slow-moment")
	b.wantNoComplaints()
	svg := need(way.weir.AdminPage(fmt.Sprintf("/flamegraph?id=%d", newest.ID)))(t)
	must(t, os.WriteFile(filepath.Join(testDir(t), "flamegraph.svg"), []byte(svg), 0o644))
	if !strings.HasPrefix(svg, "<svg ") || !strings.Contains(svg, "<title>worker-0: ") {
		t.Errorf("no flame graph: %.200s", svg)
	}
}
