// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"weir.dev/e2e/suite/harness"
)

// The manifest that users copy is one that the API server takes: a dry run on the
// server, strict about unknown fields.
func TestSidecarManifest(t *testing.T) {
	server := sharedCluster(t)
	config := server.Config("admin")
	client := adminClient(t, server)
	discoverer := need(discovery.NewDiscoveryClientForConfig(config))(t)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discoverer))
	file := need(os.Open(filepath.Join(harness.Root(), "deploy", "sidecar.yaml")))(t)
	defer file.Close()
	documents := yaml.NewYAMLReader(bufio.NewReader(file))
	objects := 0
	for {
		document, err := documents.Read()
		if err == io.EOF {
			break
		}
		must(t, err)
		object := &unstructured.Unstructured{}
		must(t, yaml.Unmarshal(document, &object.Object))
		if len(object.Object) == 0 {
			continue // only comments
		}
		objects++
		if err := dryRun(client, mapper, object, document); err != nil {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
	if objects == 0 {
		t.Error("there is nothing in the manifest")
	}
}

func dryRun(client dynamic.Interface, mapper meta.RESTMapper, object *unstructured.Unstructured, document []byte) error {
	kind := object.GroupVersionKind()
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	resource := dynamic.ResourceInterface(client.Resource(mapping.Resource))
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = "default"
		}
		// Its own namespace may be in the manifest, which a dry run does not make.
		if err := harness.CreateNamespace(context.Background(), client, namespace); err != nil {
			return err
		}
		resource = client.Resource(mapping.Resource).Namespace(namespace)
	}
	_, err = resource.Patch(context.Background(), object.GetName(), types.ApplyPatchType, document, metav1.PatchOptions{
		FieldManager: "weir-e2e", DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
	return err
}
