// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"weir.dev/e2e/suite/harness"
)

var namespaces atomic.Int64

// newNamespace makes a namespace of this test alone.
func newNamespace(t *testing.T, server *harness.APIServer) string {
	t.Helper()
	name := fmt.Sprintf("test-%03d", namespaces.Add(1))
	must(t, harness.CreateNamespace(context.Background(), adminClient(t, server), name))
	return name
}

func createConfigMap(t *testing.T, client dynamic.Interface, namespace, name string) {
	t.Helper()
	object := harness.NewConfigMap(namespace, name, harness.Object{"color": "red"}, 100)
	_, err := client.Resource(harness.ConfigMaps).Namespace(namespace).
		Create(context.Background(), object, metav1.CreateOptions{})
	must(t, err)
}
