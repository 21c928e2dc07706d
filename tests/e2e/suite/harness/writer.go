// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"math/rand"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// WriterNamespaces are where a Writer writes. "writer-a" sorts before "writer" in
// a list, because "-" comes before "/": a cache that orders by the pair gets it wrong.
var WriterNamespaces = []string{"writer", "writer-a"}

// Writer changes ConfigMaps, Foos and Deployments at random: creates, updates,
// patches, deletes, deletes and makes again at once.
type Writer struct {
	client dynamic.Interface
	random *rand.Rand
	every  time.Duration

	stop chan struct{}
	done sync.WaitGroup

	operations atomic.Int64
	err        error // read after Stop
}

// StartWriter writes some times a second until Stop. The same seed tries the same
// operations in the same order.
func StartWriter(ctx context.Context, config *rest.Config, seed int64, perSecond int) (*Writer, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	for _, namespace := range WriterNamespaces {
		if err := CreateNamespace(ctx, client, namespace); err != nil {
			return nil, err
		}
	}
	w := &Writer{
		client: client,
		random: rand.New(rand.NewSource(seed)),
		every:  time.Second / time.Duration(perSecond),
		stop:   make(chan struct{}),
	}
	w.done.Add(1)
	go w.run(ctx)
	return w, nil
}

// Stop ends the writer and returns the first thing that went wrong.
func (w *Writer) Stop() error {
	close(w.stop)
	w.done.Wait()
	return w.err
}

// Operations is how many it has done so far.
func (w *Writer) Operations() int { return int(w.operations.Load()) }

// Wait waits until it has done some.
func (w *Writer) Wait(operations int) error {
	return PollFor(time.Minute, 10*time.Millisecond, func() error {
		if done := w.Operations(); done < operations {
			return fmt.Errorf("the writer has done %d of %d operations", done, operations)
		}
		return nil
	})
}

func (w *Writer) run(ctx context.Context) {
	defer w.done.Done()
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := w.step(ctx); err != nil && w.err == nil {
			w.err = err
		}
		w.operations.Add(1)
	}
}

// step does one operation. That an object is there already, or not yet, is part of
// the game; an API server that cannot be reached is too (it may be restarting).
func (w *Writer) step(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	resource := []schema.GroupVersionResource{ConfigMaps, Foos, Deployments}[w.random.Intn(3)]
	namespace := WriterNamespaces[w.random.Intn(len(WriterNamespaces))]
	name := fmt.Sprintf("object-%02d", w.random.Intn(40))
	client := w.client.Resource(resource).Namespace(namespace)
	var err error
	switch w.random.Intn(10) {
	case 0, 1, 2:
		_, err = client.Create(ctx, w.object(resource, namespace, name), metav1.CreateOptions{})
	case 3, 4:
		err = w.update(ctx, client, name)
	case 5, 6, 7:
		patch := fmt.Sprintf(`{"metadata":{"labels":{"step":"%d"}}}`, w.random.Intn(1000))
		_, err = client.Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	case 8:
		err = client.Delete(ctx, name, metav1.DeleteOptions{})
	case 9:
		// Same name, new uid: the two must never be folded into one change.
		if err = client.Delete(ctx, name, metav1.DeleteOptions{}); err == nil {
			_, err = client.Create(ctx, w.object(resource, namespace, name), metav1.CreateOptions{})
		}
	}
	if err == nil || WriteMayFail(err) {
		return nil
	}
	return fmt.Errorf("%s %s/%s: %w", resource.Resource, namespace, name, err)
}

// WriteMayFail says whether a random write fails so without anything being wrong: the
// object is not as the writer thought, or there is no API server, or one that starts.
func WriteMayFail(err error) bool {
	if _, known := err.(errors.APIStatus); !known {
		return true
	}
	return errors.IsNotFound(err) || errors.IsAlreadyExists(err) || errors.IsConflict(err) ||
		errors.IsTooManyRequests(err) || errors.IsServiceUnavailable(err) || errors.IsTimeout(err) ||
		errors.IsInternalError(err) || errors.IsForbidden(err)
}

func (w *Writer) update(ctx context.Context, client dynamic.ResourceInterface, name string) error {
	object, err := client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations["step"] = strconv.Itoa(w.random.Intn(1000))
	object.SetAnnotations(annotations)
	_, err = client.Update(ctx, object, metav1.UpdateOptions{})
	return err
}

func (w *Writer) object(resource schema.GroupVersionResource, namespace, name string) *unstructured.Unstructured {
	switch resource {
	case ConfigMaps:
		return NewConfigMap(namespace, name, Object{"color": []string{"red", "green"}[w.random.Intn(2)]}, w.random.Intn(4000))
	case Foos:
		return NewFoo(namespace, name, 1+w.random.Int63n(9))
	default:
		return NewDeployment(namespace, name, 1+w.random.Int63n(9), nil)
	}
}
