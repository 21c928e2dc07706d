// SPDX-License-Identifier: Apache-2.0

// sleeper is an operator whose Reconcile sleeps before it writes: each ConfigMap of
// a namespace gets an annotation, once, so long after it was heard of. It is built
// with controller-runtime 0.24.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	// How long it sleeps for an object that says so.
	napAnnotation  = "sleeper/nap"
	doneAnnotation = "sleeper/done"
)

type reconciler struct {
	client.Client
}

func (r reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var object corev1.ConfigMap
	if err := r.Get(ctx, request.NamespacedName, &object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	nap, err := time.ParseDuration(object.Annotations[napAnnotation])
	if err != nil || object.Annotations[doneAnnotation] != "" {
		return ctrl.Result{}, nil
	}
	time.Sleep(nap)
	before := object.DeepCopy()
	object.Annotations[doneAnnotation] = strconv.FormatInt(time.Now().UnixNano(), 10)
	return ctrl.Result{}, r.Patch(ctx, &object, client.MergeFrom(before))
}

func main() {
	// --kubeconfig is registered by controller-runtime itself.
	namespace := flag.String("namespace", "default", "whose ConfigMaps it is for")
	workers := flag.Int("workers", 1, "Reconciles at the same time")
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseDevMode(true)))
	if err := run(ctrl.SetupSignalHandler(), *namespace, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "sleeper:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, namespace string, workers int) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:   cache.Options{DefaultNamespaces: map[string]cache.Config{namespace: {}}},
	})
	if err != nil {
		return err
	}
	err = ctrl.NewControllerManagedBy(manager).
		For(&corev1.ConfigMap{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(reconciler{manager.GetClient()})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}
