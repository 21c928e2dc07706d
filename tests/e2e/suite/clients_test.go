// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"weir.dev/e2e/suite/harness"
)

// Clients of client-go that are no informers of an operator.

// tryCreate is for goroutines other than the test's.
func tryCreate(t *testing.T, client dynamic.Interface, namespace, name string) {
	_, err := client.Resource(harness.ConfigMaps).Namespace(namespace).
		Create(context.Background(), harness.NewConfigMap(namespace, name, nil, 100), metav1.CreateOptions{})
	if err != nil {
		t.Error(err)
	}
}

// A RetryWatcher resumes from the last version that it has seen, whatever happens to its
// connections, and gives up only on a 410.
func TestRetryWatcher(t *testing.T) {
	server := sharedCluster(t)
	eachWay(t, server, func(t *testing.T, w *way) {
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		defer cancel()
		namespace := newNamespace(t, server)
		configMaps := need(kubernetes.NewForConfig(w.config))(t).CoreV1().ConfigMaps(namespace)
		admin := adminClient(t, server)
		createConfigMap(t, admin, namespace, "first")
		list := need(configMaps.List(ctx, metav1.ListOptions{}))(t)
		watcher := need(watchtools.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &cache.ListWatch{
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				return configMaps.Watch(ctx, o)
			}}))(t)
		defer watcher.Stop()

		const objects = 200
		go func() {
			for i := range objects {
				tryCreate(t, admin, namespace, fmt.Sprint("object-", i))
				if i%40 == 20 {
					w.relay.Cut()
					w.relay.Heal()
				}
			}
		}()
		last := list.ResourceVersion
		for seen := 0; seen < objects; {
			select {
			case event, ok := <-watcher.ResultChan():
				if !ok {
					t.Fatalf("the watcher gave up after %d objects, at %s", seen, last)
				}
				if event.Type == watch.Bookmark {
					continue
				}
				if event.Type != watch.Added {
					t.Fatalf("%s: %+v", event.Type, event.Object)
				}
				object := need(meta.Accessor(event.Object))(t)
				if want := fmt.Sprint("object-", seen); object.GetName() != want {
					t.Fatalf("want %s after %s, got %s", want, last, object.GetName())
				}
				last = object.GetResourceVersion()
				seen++
			case <-ctx.Done():
				t.Fatalf("%d of %d objects came, the last at %s", seen, objects, last)
			}
		}
	})
}

// UntilWithSync is an informer that waits for something.
func TestUntilWithSync(t *testing.T) {
	server := sharedCluster(t)
	eachWay(t, server, func(t *testing.T, w *way) {
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		defer cancel()
		namespace := newNamespace(t, server)
		client := need(kubernetes.NewForConfig(w.config))(t)
		admin := adminClient(t, server)
		createConfigMap(t, admin, namespace, "before")
		events := map[watch.EventType]int{}
		started := make(chan struct{})
		go func() {
			<-started
			w.relay.Cut()
			w.relay.Heal()
			tryCreate(t, admin, namespace, "after")
			if err := admin.Resource(harness.ConfigMaps).Namespace(namespace).Delete(ctx, "before", metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		}()
		listWatch := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "configmaps", namespace, fields.Everything())
		_, err := watchtools.UntilWithSync(ctx, listWatch, &corev1.ConfigMap{}, nil, func(event watch.Event) (bool, error) {
			if event.Type == watch.Error {
				return false, fmt.Errorf("%+v", event.Object)
			}
			if len(events) == 0 {
				close(started)
			}
			events[event.Type]++
			// After a relist they come in any order.
			return events[watch.Deleted] == 1 && events[watch.Added] == 2, nil
		})
		if err != nil {
			t.Fatalf("%v after %v", err, events)
		}
	})
}
