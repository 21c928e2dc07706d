// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

var (
	ConfigMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	Namespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	Deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	Foos        = schema.GroupVersionResource{Group: "samplecontroller.k8s.io", Version: "v1alpha1", Resource: "foos"}

	clusterRoleBindings = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"}

	crds = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// Object is a nested literal of an API object.
type Object = map[string]any

// fooCRD is the custom resource that sample-controller works on.
var fooCRD = Object{
	"apiVersion": "apiextensions.k8s.io/v1",
	"kind":       "CustomResourceDefinition",
	"metadata": Object{
		"name": "foos.samplecontroller.k8s.io",
		// The group's name ends in k8s.io, which the API server guards.
		"annotations": Object{"api-approved.kubernetes.io": "unapproved, experimental-only"},
	},
	"spec": Object{
		"group": "samplecontroller.k8s.io",
		"names": Object{"kind": "Foo", "plural": "foos"},
		"scope": "Namespaced",
		"versions": []any{Object{
			"name": "v1alpha1", "served": true, "storage": true,
			"subresources": Object{"status": Object{}},
			"schema": Object{"openAPIV3Schema": Object{
				"type": "object",
				"properties": Object{
					"spec": Object{"type": "object", "properties": Object{
						"deploymentName": Object{"type": "string"},
						"replicas":       Object{"type": "integer", "minimum": int64(1), "maximum": int64(10)},
					}},
					"status": Object{"type": "object", "properties": Object{
						"availableReplicas": Object{"type": "integer"},
					}},
				},
			}},
		}},
	},
}

// CreateFooCRD makes the resource foos and waits until it is served.
func CreateFooCRD(ctx context.Context, config *rest.Config) error {
	return CreateCRD(ctx, config, fooCRD, Foos)
}

// CreateCRD makes a custom resource and waits until it is served.
func CreateCRD(ctx context.Context, config *rest.Config, crd Object, resource schema.GroupVersionResource) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	_, err = client.Resource(crds).Create(ctx, &unstructured.Unstructured{Object: crd}, metav1.CreateOptions{})
	if err != nil && !errors.IsAlreadyExists(err) {
		return err
	}
	return PollFor(20*time.Second, 50*time.Millisecond, func() error {
		_, err := client.Resource(resource).List(ctx, metav1.ListOptions{})
		return err
	})
}

// CreateNamespace makes a namespace, if it is not there.
func CreateNamespace(ctx context.Context, client dynamic.Interface, name string) error {
	namespace := &unstructured.Unstructured{Object: Object{
		"apiVersion": "v1", "kind": "Namespace", "metadata": Object{"name": name},
	}}
	_, err := client.Resource(Namespaces).Create(ctx, namespace, metav1.CreateOptions{})
	if errors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// MakeAdmin lets a user of RBAC's do everything; unlike those of system:masters the API
// server may still refuse its requests when there are too many.
func MakeAdmin(ctx context.Context, config *rest.Config, user string) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	binding := &unstructured.Unstructured{Object: Object{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
		"metadata": Object{"name": user + "-is-admin"},
		"roleRef":  Object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
		"subjects": []any{Object{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}},
	}}
	_, err = client.Resource(clusterRoleBindings).Create(ctx, binding, metav1.CreateOptions{})
	return err
}

// NewConfigMap has one value of about some bytes.
func NewConfigMap(namespace, name string, labels Object, bytes int) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: Object{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": Object{"namespace": namespace, "name": name, "labels": labels},
		"data":     Object{"counter": "0", "payload": strings.Repeat("x", bytes)},
	}}
}

func NewFoo(namespace, name string, replicas int64) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: Object{
		"apiVersion": "samplecontroller.k8s.io/v1alpha1", "kind": "Foo",
		"metadata": Object{"namespace": namespace, "name": name},
		"spec":     Object{"deploymentName": name, "replicas": replicas},
	}}
}

// NewDeployment is what sample-controller would make for a Foo; owner may be nil.
func NewDeployment(namespace, name string, replicas int64, owner *unstructured.Unstructured) *unstructured.Unstructured {
	labels := Object{"app": "nginx", "controller": name}
	metadata := Object{"namespace": namespace, "name": name}
	if owner != nil {
		metadata["ownerReferences"] = []any{Object{
			"apiVersion": owner.GetAPIVersion(), "kind": owner.GetKind(), "name": owner.GetName(),
			"uid": string(owner.GetUID()), "controller": true, "blockOwnerDeletion": true,
		}}
	}
	return &unstructured.Unstructured{Object: Object{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
		"spec": Object{
			"replicas": replicas,
			"selector": Object{"matchLabels": labels},
			"template": Object{
				"metadata": Object{"labels": labels},
				"spec":     Object{"containers": []any{Object{"name": "nginx", "image": "nginx:latest"}}},
			},
		},
	}}
}

// Versions is the state of one resource in short: "ns/name" to "uid@resourceVersion".
type Versions map[string]string

// ListVersions asks the API server for the most recent state.
func ListVersions(ctx context.Context, client dynamic.Interface, resource schema.GroupVersionResource, namespace string) (Versions, error) {
	list, err := client.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	versions := Versions{}
	for _, item := range list.Items {
		versions[item.GetNamespace()+"/"+item.GetName()] = version(string(item.GetUID()), item.GetResourceVersion())
	}
	return versions, nil
}

func version(uid, resourceVersion string) string { return uid + "@" + resourceVersion }

// Differences says in words how two states differ, a few of them.
func (want Versions) Differences(got Versions) error {
	var differences []string
	for name, version := range want {
		if got[name] != version {
			differences = append(differences, fmt.Sprintf("%s is %q, want %q", name, got[name], version))
		}
	}
	for name, version := range got {
		if _, ok := want[name]; !ok {
			differences = append(differences, fmt.Sprintf("%s is %q, want none", name, version))
		}
	}
	if len(differences) == 0 {
		return nil
	}
	n := len(differences)
	return fmt.Errorf("%d of %d objects differ: %s", n, len(want), strings.Join(differences[:min(n, 5)], "; "))
}
