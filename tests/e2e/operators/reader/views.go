// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var (
	fooKind        = schema.GroupVersionKind{Group: "samplecontroller.k8s.io", Version: "v1alpha1", Kind: "Foo"}
	deploymentKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
)

// view is one informer cache: where it lives and how to read all of it.
type view struct {
	name     string
	cache    cache.Cache
	object   client.Object
	newList  func() client.ObjectList
	informer cache.Informer
}

// Entry is one cached object, small enough to compare thousands of them.
type Entry struct {
	Name            string `json:"name"`
	UID             string `json:"uid"`
	ResourceVersion string `json:"resourceVersion"`
	SHA256          string `json:"sha256"`
}

type views struct {
	all []view

	mu sync.Mutex
	// What a correct stream never does, in words; stays empty.
	wrong []string
}

// newViews makes one cache for each way a controller-runtime program can read.
func newViews(ctx context.Context, manager ctrl.Manager) (*views, error) {
	asJSON := rest.CopyConfig(manager.GetConfig())
	// Given a content type, controller-runtime does not choose protobuf itself.
	asJSON.ContentType = runtime.ContentTypeJSON
	jsonCache, err := cache.New(asJSON, cache.Options{Scheme: manager.GetScheme(), Mapper: manager.GetRESTMapper()})
	if err != nil {
		return nil, err
	}
	if err := manager.Add(jsonCache); err != nil {
		return nil, err
	}
	foo := &unstructured.Unstructured{}
	foo.SetGroupVersionKind(fooKind)
	deployment := &metav1.PartialObjectMetadata{}
	deployment.SetGroupVersionKind(deploymentKind)

	v := &views{all: []view{
		{name: "configmaps as protobuf", cache: manager.GetCache(), object: &corev1.ConfigMap{},
			newList: func() client.ObjectList { return &corev1.ConfigMapList{} }},
		{name: "configmaps as JSON", cache: jsonCache, object: &corev1.ConfigMap{},
			newList: func() client.ObjectList { return &corev1.ConfigMapList{} }},
		{name: "foos unstructured", cache: manager.GetCache(), object: foo,
			newList: func() client.ObjectList {
				list := &unstructured.UnstructuredList{}
				list.SetGroupVersionKind(listKind(fooKind))
				return list
			}},
		{name: "deployments metadata only", cache: manager.GetCache(), object: deployment,
			newList: func() client.ObjectList {
				list := &metav1.PartialObjectMetadataList{}
				list.SetGroupVersionKind(listKind(deploymentKind))
				return list
			}},
	}}
	for i := range v.all {
		if err := v.start(ctx, &v.all[i]); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func listKind(kind schema.GroupVersionKind) schema.GroupVersionKind {
	kind.Kind += "List"
	return kind
}

func (v *views) start(ctx context.Context, view *view) error {
	// The caches only run once the manager does, so this must not wait for sync.
	informer, err := view.cache.GetInformer(ctx, view.object, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("%s: %w", view.name, err)
	}
	view.informer = informer
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		UpdateFunc: func(before, after any) { v.check(view.name, before, after) },
	})
	return err
}

// check notes an object that went back in time.
func (v *views) check(name string, before, after any) {
	old, err := meta.Accessor(before)
	if err != nil {
		return
	}
	now, err := meta.Accessor(after)
	if err != nil {
		return
	}
	was, _ := strconv.ParseUint(old.GetResourceVersion(), 10, 64)
	is, _ := strconv.ParseUint(now.GetResourceVersion(), 10, 64)
	if is < was {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.wrong = append(v.wrong, fmt.Sprintf("%s: %s/%s went from version %d back to %d",
			name, now.GetNamespace(), now.GetName(), was, is))
	}
}

func (v *views) complaints() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string{}, v.wrong...)
}

func (v *views) waitForSync(ctx context.Context) bool {
	for _, view := range v.all {
		if !toolscache.WaitForCacheSync(ctx.Done(), view.informer.HasSynced) {
			return false
		}
	}
	return true
}

// dump returns the whole content of each cache, by name of the view.
func (v *views) dump(ctx context.Context) (map[string][]Entry, error) {
	dump := map[string][]Entry{}
	for _, view := range v.all {
		if !view.informer.HasSynced() {
			return nil, fmt.Errorf("%s: not synced", view.name)
		}
		list := view.newList()
		if err := view.cache.List(ctx, list); err != nil {
			return nil, fmt.Errorf("%s: %w", view.name, err)
		}
		entries := []Entry{}
		err := meta.EachListItem(list, func(object runtime.Object) error {
			entry, err := describe(object)
			entries = append(entries, entry)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", view.name, err)
		}
		sort.Slice(entries, func(i, j int) bool { return entries[i].Name < entries[j].Name })
		dump[view.name] = entries
	}
	return dump, nil
}

func describe(object runtime.Object) (Entry, error) {
	m, err := meta.Accessor(object)
	if err != nil {
		return Entry{}, err
	}
	encoded, err := json.Marshal(object)
	if err != nil {
		return Entry{}, err
	}
	sum := sha256.Sum256(encoded)
	return Entry{
		Name:            m.GetNamespace() + "/" + m.GetName(),
		UID:             string(m.GetUID()),
		ResourceVersion: m.GetResourceVersion(),
		SHA256:          hex.EncodeToString(sum[:]),
	}, nil
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value)
}
