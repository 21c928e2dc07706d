// SPDX-License-Identifier: Apache-2.0

// weir-demo runs the Kubernetes example operator, unmodified, against a real API
// server: straight, restarted some times; then through Weir, restarted as often.
// It prints one table of what the API server saw. deploy/demo starts it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"k8s.io/client-go/dynamic"

	"weir.dev/e2e/suite/harness"
)

// Where the Foos are.
const namespace = "demo"

type options struct {
	objects  int
	restarts int
	keep     bool
}

func main() {
	var o options
	flag.IntVar(&o.objects, "objects", 500, "how many Foos, and as many Deployments")
	flag.IntVar(&o.restarts, "restarts", 3, "how often the operator is restarted, each way")
	flag.BoolVar(&o.keep, "keep", false, "keep the operator at work until Ctrl-C, with the page's address printed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "weir-demo-")
	if err == nil {
		err = run(ctx, dir, o)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "weir-demo: %v\nthe logs are in %s\n", err, dir)
		os.Exit(1)
	}
	os.RemoveAll(dir)
}

func run(ctx context.Context, dir string, o options) error {
	fmt.Println("demo: starting kube-apiserver with etcd on loopback")
	server, err := harness.StartAPIServer(filepath.Join(dir, "cluster"))
	if err != nil {
		return err
	}
	defer server.Stop()
	fmt.Printf("demo: making %d Foos and %d Deployments\n", o.objects, o.objects)
	if err := preload(ctx, server, o.objects); err != nil {
		return err
	}
	stage := &stage{server: server, dir: dir, restarts: o.restarts, objects: o.objects}
	fmt.Println("demo: sample-controller straight to the API server")
	direct, err := stage.play(ctx, "direct", nil)
	if err != nil {
		return fmt.Errorf("direct: %w", err)
	}
	fmt.Println("demo: sample-controller through Weir")
	var weir *harness.Weir
	through, err := stage.play(ctx, "weir", func(kubeconfig string) (string, error) {
		weir, err = harness.StartWeir(harness.WeirOptions{Dir: filepath.Join(dir, "weir"), Kubeconfig: kubeconfig})
		if err != nil {
			return "", err
		}
		return weir.Kubeconfig(), nil
	})
	if weir != nil {
		defer weir.Kill()
	}
	if err != nil {
		return fmt.Errorf("through Weir: %w", err)
	}
	printTable(o, direct, through)
	if o.keep {
		if err := show(ctx, server, weir, dir, o.objects); err != nil {
			return err
		}
	}
	if err := weir.Drain(); err != nil {
		return err
	}
	return verdict(o, through)
}

func preload(ctx context.Context, server *harness.APIServer, objects int) error {
	config := server.Config("admin")
	if err := harness.CreateFooCRD(ctx, config); err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	return harness.PreloadFoos(ctx, client, namespace, objects)
}

// verdict is what the demo promises.
func verdict(o options, through *result) error {
	if through.furtherLists > 0 || through.furtherWatches > 0 {
		return fmt.Errorf("%d restarts through Weir caused %d further LISTs and %d further WATCHes, and not 0:\n%s",
			o.restarts, through.furtherLists, through.furtherWatches, through.furtherRequests)
	}
	fmt.Printf("\n%d restarts through Weir: no further LIST and no further WATCH at the API server.\n", o.restarts)
	return nil
}
