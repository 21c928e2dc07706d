// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"fmt"
	"math/rand"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"weir.dev/e2e/suite/harness"
)

var (
	podResource = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	colors      = []string{"red", "blue", "green"}
	nodes       = []string{"", "node-1", "node-2"}
	phases      = []string{"Pending", "Running", "Succeeded"}
)

const (
	writersInParallel = 8
	objectsPerKind    = 24 // in each namespace: few, so that they come and go often
)

// Writers change ConfigMaps, Foos and Pods at random. What each of them tries is fixed by
// the seed; how they interleave is not.
type Writers struct {
	client     dynamic.Interface
	stop       chan struct{}
	done       sync.WaitGroup
	operations atomic.Int64
	limit      int64
	payload    int  // a ConfigMap has up to so many bytes
	passing    bool // see WriterOptions

	mu  sync.Mutex
	err error
}

// WriterOptions says how much is written.
type WriterOptions struct {
	Seed      int64
	PerSecond int
	Limit     int  // so many operations, if not 0; otherwise until Stop
	Payload   int  // bytes of a ConfigMap at most
	Passing   bool // most objects go as soon as they have come, and none is changed
}

// StartWriters starts them.
func StartWriters(ctx context.Context, config *rest.Config, o WriterOptions) (*Writers, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	for _, namespace := range Namespaces {
		if err := harness.CreateNamespace(ctx, client, namespace); err != nil {
			return nil, err
		}
	}
	w := &Writers{client: client, stop: make(chan struct{}), limit: int64(o.Limit), payload: o.Payload, passing: o.Passing}
	for i := range writersInParallel {
		w.done.Add(1)
		random := rand.New(rand.NewSource(o.Seed + int64(i)))
		go w.run(ctx, random, time.Second*writersInParallel/time.Duration(o.PerSecond))
	}
	return w, nil
}

// Stop ends the writers and returns the first thing that went wrong.
func (w *Writers) Stop() error {
	close(w.stop)
	w.done.Wait()
	return w.err
}

// Operations is how many have been tried.
func (w *Writers) Operations() int { return int(w.operations.Load()) }

func (w *Writers) run(ctx context.Context, random *rand.Rand, every time.Duration) {
	defer w.done.Done()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		if n := w.operations.Add(1); w.limit > 0 && n > w.limit {
			return
		}
		if err := w.step(ctx, random); err != nil && !harness.WriteMayFail(err) {
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
		}
	}
}

// step does one operation: most change an object that is there, since that is the most
// common in a cluster.
func (w *Writers) step(ctx context.Context, random *rand.Rand) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	resource := []schema.GroupVersionResource{harness.ConfigMaps, harness.Foos, podResource}[random.Intn(3)]
	namespace := Namespaces[random.Intn(len(Namespaces))]
	name := fmt.Sprintf("object-%02d", random.Intn(objectsPerKind))
	if random.Intn(10) == 0 {
		name = "object-03" // which has watches of its own
	}
	client := w.client.Resource(resource).Namespace(namespace)
	now := int64(0)
	atOnce := metav1.DeleteOptions{GracePeriodSeconds: &now}
	var err error
	choice := random.Intn(100)
	if w.passing {
		choice = 19 + choice%6
	}
	switch {
	case choice < 20:
		_, err = client.Create(ctx, w.newObject(random, resource, namespace, name), metav1.CreateOptions{})
	case choice < 25: // comes and goes: two lists around it show nothing of it
		name = "passing-" + name
		if _, err = client.Create(ctx, w.newObject(random, resource, namespace, name), metav1.CreateOptions{}); err == nil {
			err = client.Delete(ctx, name, atOnce)
		}
	case choice < 50: // moves it into selectors and out of them
		err = patch(ctx, client, name, fmt.Sprintf(`{"metadata":{"labels":{"color":%q}}}`, colors[random.Intn(len(colors))]))
	case choice < 65:
		err = patch(ctx, client, name, fmt.Sprintf(`{"metadata":{"annotations":{"step":"%d"}}}`, random.Intn(1000)))
	case choice < 75:
		err = w.change(ctx, random, client, resource, name)
	case choice < 80: // one change that leaves nothing changed, and so makes no event
		err = patch(ctx, client, name, `{"metadata":{"labels":{"hidden":null}}}`)
	case choice < 82:
		err = patch(ctx, client, name, `{"metadata":{"labels":{"hidden":"yes"}}}`)
	case choice < 90:
		err = client.Delete(ctx, name, atOnce)
	case choice < 98: // the same name with another uid
		if err = client.Delete(ctx, name, atOnce); err == nil {
			_, err = client.Create(ctx, w.newObject(random, resource, namespace, name), metav1.CreateOptions{})
		}
	case choice < 99:
		err = client.DeleteCollection(ctx, atOnce, metav1.ListOptions{LabelSelector: "color=" + colors[random.Intn(len(colors))]})
	default: // two steps: marked as deleted first, gone later
		err = client.Delete(ctx, name, metav1.DeleteOptions{})
	}
	return err
}

func patch(ctx context.Context, client dynamic.ResourceInterface, name, text string, subresources ...string) error {
	_, err := client.Patch(ctx, name, types.MergePatchType, []byte(text), metav1.PatchOptions{}, subresources...)
	return err
}

// change changes what the kind is about.
func (w *Writers) change(ctx context.Context, random *rand.Rand, client dynamic.ResourceInterface,
	resource schema.GroupVersionResource, name string) error {
	switch resource {
	case podResource:
		return patch(ctx, client, name, fmt.Sprintf(`{"status":{"phase":%q}}`, phases[random.Intn(len(phases))]), "status")
	case harness.Foos:
		return patch(ctx, client, name, fmt.Sprintf(`{"spec":{"replicas":%d}}`, 1+random.Intn(9)))
	}
	return patch(ctx, client, name, fmt.Sprintf(`{"data":{"counter":"%d \"}\\ <é>"}}`, random.Intn(1000)))
}

func (w *Writers) newObject(random *rand.Rand, resource schema.GroupVersionResource, namespace, name string) *unstructured.Unstructured {
	var o *unstructured.Unstructured
	switch resource {
	case harness.ConfigMaps:
		o = harness.NewConfigMap(namespace, name, nil, random.Intn(w.payload))
	case harness.Foos:
		o = harness.NewFoo(namespace, name, 1+random.Int63n(9))
	default:
		spec := harness.Object{"containers": []any{harness.Object{"name": "main", "image": "none"}}}
		if node := nodes[random.Intn(len(nodes))]; node != "" {
			spec["nodeName"] = node
		}
		o = &unstructured.Unstructured{Object: harness.Object{
			"apiVersion": "v1", "kind": "Pod", "spec": spec,
			"metadata": harness.Object{"namespace": namespace, "name": name},
		}}
	}
	if random.Intn(4) > 0 {
		o.SetLabels(map[string]string{"color": colors[random.Intn(len(colors))]})
	}
	return o
}
