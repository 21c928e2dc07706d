// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"weir.dev/e2e/suite/harness"
)

// The Kubernetes example operator, as it was published, does its work: a Foo gets
// its Deployment, and the Deployment follows the Foo.
func TestSampleController(t *testing.T) {
	server := sharedCluster(t)
	eachWay(t, server, func(t *testing.T, w *way) {
		operator := startSampleController(t, w)
		_, err := operator.WaitForLog(timeout(t, 30*time.Second), 0, "Starting workers")
		must(t, err)
		namespace := newNamespace(t, server)
		client := adminClient(t, server)
		foos := client.Resource(harness.Foos).Namespace(namespace)
		_, err = foos.Create(context.Background(), harness.NewFoo(namespace, "example", 1), metav1.CreateOptions{})
		must(t, err)
		waitForReplicas := func(want int64) {
			must(t, harness.PollFor(30*time.Second, 20*time.Millisecond, func() error {
				deployment, err := client.Resource(harness.Deployments).Namespace(namespace).
					Get(context.Background(), "example", metav1.GetOptions{})
				if err != nil {
					return err
				}
				if got, _, _ := unstructured.NestedInt64(deployment.Object, "spec", "replicas"); got != want {
					return fmt.Errorf("the Deployment has %d replicas and not %d", got, want)
				}
				return nil
			}))
		}
		waitForReplicas(1)
		_, err = foos.Patch(context.Background(), "example", types.MergePatchType,
			[]byte(`{"spec":{"replicas":3}}`), metav1.PatchOptions{})
		must(t, err)
		waitForReplicas(3)
	})
}

func startSampleController(t *testing.T, w *way) *harness.Process {
	t.Helper()
	binary := need(harness.Binary("sample-controller"))(t)
	process := need(harness.StartProcess("sample-controller", filepath.Join(testDir(t), "sample-controller.log"),
		binary, "--kubeconfig", w.kubeconfig))(t)
	t.Cleanup(process.Kill)
	return process
}

func timeout(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}
