// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"weir.dev/e2e/suite/harness"
)

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// definitionOf defaults spec.color to what is given; "": there is no such field.
func definitionOf(resource schema.GroupVersionResource, color string) harness.Object {
	spec := harness.Object{"size": harness.Object{"type": "integer"}}
	if color != "" {
		spec["color"] = harness.Object{"type": "string", "default": color}
	}
	return harness.Object{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   harness.Object{"name": resource.GroupResource().String()},
		"spec": harness.Object{
			"group": resource.Group,
			"names": harness.Object{"kind": "Widget", "plural": resource.Resource},
			"scope": "Namespaced",
			"versions": []any{harness.Object{
				"name": resource.Version, "served": true, "storage": true,
				"schema": harness.Object{"openAPIV3Schema": harness.Object{
					"type":       "object",
					"properties": harness.Object{"spec": harness.Object{"type": "object", "properties": spec}},
				}},
			}},
		},
	}
}

// definitionTrial is one resource whose definition changes, read straight and through Weir.
type definitionTrial struct {
	t        *testing.T
	resource schema.GroupVersionResource
	way      *way
	admin    dynamic.Interface
	server   *harness.APIServer
	straight *harness.RawClient
	through  *harness.RawClient
}

func (d *definitionTrial) path() string {
	return fmt.Sprintf("/apis/%s/%s/%s", d.resource.Group, d.resource.Version, d.resource.Resource)
}

func (d *definitionTrial) put(names ...string) {
	d.t.Helper()
	for _, name := range names {
		widget := &unstructured.Unstructured{Object: harness.Object{
			"apiVersion": d.resource.GroupVersion().String(), "kind": "Widget",
			"metadata": harness.Object{"name": name}, "spec": harness.Object{"size": int64(len(name))},
		}}
		_, err := d.admin.Resource(d.resource).Namespace("default").Create(context.Background(), widget, metav1.CreateOptions{})
		must(d.t, err)
	}
}

// define changes the definition and waits until the API server goes by it.
func (d *definitionTrial) define(color string) {
	d.t.Helper()
	patch := need(json.Marshal(harness.Object{"spec": definitionOf(d.resource, color)["spec"]}))(d.t)
	_, err := d.admin.Resource(definitions).Patch(context.Background(), d.resource.GroupResource().String(),
		"application/merge-patch+json", patch, metav1.PatchOptions{})
	must(d.t, err)
	must(d.t, harness.PollFor(20*time.Second, 20*time.Millisecond, func() error {
		if items := d.items(d.straight, ""); !strings.Contains(string(bytes.Join(items, nil)), color) {
			return fmt.Errorf("the API server does not know of %q yet", color)
		}
		return nil
	}))
}

// items are the bytes of each object of a list; nil: it was refused.
func (d *definitionTrial) items(client *harness.RawClient, query string) [][]byte {
	d.t.Helper()
	response, body, err := client.Get(context.Background(), d.path()+query, "Accept", harness.JSON)
	must(d.t, err)
	if response.StatusCode != http.StatusOK {
		return nil
	}
	var list struct{ Items []json.RawMessage }
	must(d.t, json.Unmarshal(body, &list))
	items := [][]byte{}
	for _, item := range list.Items {
		items = append(items, item)
	}
	return items
}

// agree waits until Weir answers from its cache what the API server does.
func (d *definitionTrial) agree(what string) {
	d.t.Helper()
	err := harness.PollFor(30*time.Second, 50*time.Millisecond, func() error {
		before := need(d.way.weir.FromCache(d.resource.GroupResource().String()))(d.t)
		weir := d.items(d.through, "?resourceVersion=0")
		after := need(d.way.weir.FromCache(d.resource.GroupResource().String()))(d.t)
		if after["list"] != before["list"]+1 {
			return fmt.Errorf("the list was not answered from the cache: %v, %v", before, after)
		}
		straight := d.items(d.straight, "")
		if len(straight) == 0 || !bytes.Equal(bytes.Join(weir, []byte("\n")), bytes.Join(straight, []byte("\n"))) {
			return fmt.Errorf("straight:\n%s\nthrough Weir:\n%s", straight, weir)
		}
		return nil
	})
	if err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
}

// holds waits until who has watched from the start knows all there is.
func (d *definitionTrial) holds(watch *harness.RawWatch) {
	d.t.Helper()
	truth := need(harness.ListVersions(context.Background(), d.admin, d.resource, ""))(d.t)
	must(d.t, harness.PollFor(20*time.Second, 20*time.Millisecond, func() error {
		versions, err := harness.Fold(watch.Frames())
		if err != nil {
			return harness.Final(err)
		}
		return truth.Differences(versions)
	}))
}

func (d *definitionTrial) watch() *harness.RawWatch {
	d.t.Helper()
	watch := need(d.through.Watch(context.Background(), d.path()+"?"+harness.FromTheStart(), harness.JSON))(d.t)
	d.t.Cleanup(watch.Close)
	d.holds(watch)
	return watch
}

// A definition that changes gives other bytes to objects that nobody has written: what Weir answers
// has them, and whoever watches through it is told of every change and of nothing else. One that is
// deleted takes its objects with it.
func TestDefinitionsChange(t *testing.T) {
	server := sharedCluster(t)
	throughWeir(t, server, func(t *testing.T, w *way) {
		d := &definitionTrial{
			t: t, way: w, server: server, admin: adminClient(t, server), through: w.raw(t),
			straight: need(harness.NewRawClient(server.Config("admin"), false))(t),
			resource: schema.GroupVersionResource{Group: w.user + ".example.com", Version: "v1", Resource: "widgets"},
		}
		must(t, harness.CreateCRD(context.Background(), server.Config("admin"), definitionOf(d.resource, ""), d.resource))
		d.put("a", "bb", "ccc")
		watch := d.watch()
		d.agree("at first")

		d.define("red")
		d.agree("when a default has come")
		d.put("dddd")
		d.holds(watch)
		d.agree("after a change")

		d.define("blue")
		d.agree("when the default has changed")
		d.holds(watch)

		name := d.resource.GroupResource().String()
		must(t, d.admin.Resource(definitions).Delete(context.Background(), name, metav1.DeleteOptions{}))
		must(t, watch.WaitEnd(60*time.Second))
		must(t, harness.PollFor(30*time.Second, 50*time.Millisecond, func() error {
			response, _, err := d.through.Get(context.Background(), d.path()+"?resourceVersion=0")
			if err == nil && response.StatusCode != http.StatusNotFound {
				return fmt.Errorf("of a definition that is deleted: %s", response.Status)
			}
			return err
		}))
		if left := need(harness.Fold(watch.Frames()))(t); len(left) > 0 {
			t.Errorf("nobody was told that these have gone: %v", left)
		}

		must(t, harness.CreateCRD(context.Background(), server.Config("admin"), definitionOf(d.resource, "green"), d.resource))
		d.put("a", "new")
		again := d.watch()
		d.agree("when it is defined anew")
		d.holds(again)
	})
}
