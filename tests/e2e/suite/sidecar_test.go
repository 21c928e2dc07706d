// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	if wantsToTake(t, sharedCluster(t), need(os.ReadFile(filepath.Join(harness.Root(), "deploy", "sidecar.yaml")))(t)) == 0 {
		t.Error("there is nothing in the manifest")
	}
}

// What `weir inject` makes of each kind of workload is one that the API server takes.
func TestInjectedManifests(t *testing.T) {
	weir := os.Getenv("WEIR_BIN")
	needWeir(t, wayNames[1])
	const pod = `{metadata: {labels: {app: x}}, spec: {%s
  containers: [{name: main, image: x, securityContext: {runAsUser: 7}, env: [{name: PORT, value: "8080"}]}]}}`
	const labels = `selector: {matchLabels: {app: x}}`
	var manifests strings.Builder
	for _, workload := range []struct{ kind, apiVersion, spec string }{
		{"Deployment", "apps/v1", labels + ", template: " + fmt.Sprintf(pod, "")},
		{"StatefulSet", "apps/v1", labels + ", serviceName: x, template: " + fmt.Sprintf(pod, "")},
		{"DaemonSet", "apps/v1", labels + ", template: " + fmt.Sprintf(pod, "")},
		{"ReplicaSet", "apps/v1", labels + ", template: " + fmt.Sprintf(pod, "")},
		{"ReplicationController", "v1", "selector: {app: x}, template: " + fmt.Sprintf(pod, "")},
		{"Job", "batch/v1", "template: " + fmt.Sprintf(pod, "restartPolicy: Never,")},
		{"CronJob", "batch/v1", `schedule: "0 0 * * *", jobTemplate: {spec: {template: ` + fmt.Sprintf(pod, "restartPolicy: Never,") + "}}"},
	} {
		fmt.Fprintf(&manifests, "---\nkind: %s\napiVersion: %s\nmetadata: {name: x, namespace: injected}\nspec: {%s}\n",
			workload.kind, workload.apiVersion, workload.spec)
	}
	command := exec.Command(weir, "inject")
	command.Stdin = strings.NewReader(manifests.String())
	var notes strings.Builder
	command.Stderr = &notes
	injected, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, notes.String())
	}
	if added := strings.Count(notes.String(), ": Weir added"); added != 7 || strings.Count(string(injected), "name: weir\n") != 7 {
		t.Errorf("Weir was not added to each of 7 workloads but:\n%s\n%s", notes.String(), injected)
	}
	if objects := wantsToTake(t, sharedCluster(t), injected); objects != 7 {
		t.Errorf("7 workloads became %d objects", objects)
	}
}

// wantsToTake has the API server look at each object of a manifest, and counts them.
func wantsToTake(t *testing.T, server *harness.APIServer, manifest []byte) int {
	t.Helper()
	config := server.Config("admin")
	client := adminClient(t, server)
	discoverer := need(discovery.NewDiscoveryClientForConfig(config))(t)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discoverer))
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifest)))
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
	return objects
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
