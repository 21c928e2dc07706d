// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// Load is many ConfigMaps in one namespace, to be changed fast.
type Load struct {
	Objects   int
	Namespace string

	client dynamic.ResourceInterface
	next   atomic.Int64
}

const loadWriters = 6

// NewLoad creates the objects, each of about some bytes.
func NewLoad(ctx context.Context, client dynamic.Interface, namespace string, objects, bytes int) (*Load, error) {
	l := &Load{Objects: objects, Namespace: namespace, client: client.Resource(ConfigMaps).Namespace(namespace)}
	return l, inParallel(func() error {
		for {
			i := int(l.next.Add(1)) - 1
			if i >= objects {
				return nil
			}
			object := NewConfigMap(namespace, loadName(i), Object{"load": "yes"}, bytes)
			if _, err := l.client.Create(ctx, object, metav1.CreateOptions{}); err != nil {
				return err
			}
		}
	})
}

func loadName(i int) string { return fmt.Sprintf("load-%05d", i) }

// Update changes one object after the other, some times a second at most, and
// returns how many changes there were.
func (l *Load) Update(ctx context.Context, perSecond int, period time.Duration) (int, error) {
	var done atomic.Int64
	began := time.Now()
	err := inParallel(func() error {
		for {
			n := done.Add(1)
			due := began.Add(time.Duration(n) * time.Second / time.Duration(perSecond))
			if due.Sub(began) > period || time.Since(began) > period {
				done.Add(-1)
				return nil
			}
			time.Sleep(time.Until(due))
			patch := fmt.Sprintf(`{"data":{"counter":"%d"}}`, n)
			_, err := l.client.Patch(ctx, loadName(int(l.next.Add(1))%l.Objects), types.MergePatchType,
				[]byte(patch), metav1.PatchOptions{})
			if err != nil {
				return err
			}
		}
	})
	return int(done.Load()), err
}

func (l *Load) Delete(ctx context.Context) error {
	return l.client.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
}

func inParallel(do func() error) error {
	var all sync.WaitGroup
	errs := make([]error, loadWriters)
	for i := range loadWriters {
		all.Add(1)
		go func() {
			defer all.Done()
			errs[i] = do()
		}()
	}
	all.Wait()
	return errors.Join(errs...)
}

// PreloadFoos makes Foos with the Deployments that sample-controller would make for
// them, which its own rate limit would take minutes for.
func PreloadFoos(ctx context.Context, client dynamic.Interface, namespace string, objects int) error {
	if err := CreateNamespace(ctx, client, namespace); err != nil {
		return err
	}
	var next atomic.Int64
	return inParallel(func() error {
		for {
			i := int(next.Add(1)) - 1
			if i >= objects {
				return nil
			}
			foo, err := client.Resource(Foos).Namespace(namespace).
				Create(ctx, NewFoo(namespace, FooName(i), 1), metav1.CreateOptions{})
			if err != nil {
				return err
			}
			_, err = client.Resource(Deployments).Namespace(namespace).
				Create(ctx, NewDeployment(namespace, FooName(i), 1, foo), metav1.CreateOptions{})
			if err != nil {
				return err
			}
		}
	})
}

// FooName is that of a preloaded Foo.
func FooName(i int) string { return fmt.Sprintf("foo-%05d", i) }

// TouchFoo changes an annotation of a preloaded Foo, and returns the version that
// this made.
func TouchFoo(ctx context.Context, client dynamic.Interface, namespace string, i int) (uint64, error) {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"touched":"%d"}}}`, time.Now().UnixNano())
	foo, err := client.Resource(Foos).Namespace(namespace).
		Patch(ctx, FooName(i), types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(foo.GetResourceVersion(), 10, 64)
}
