// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"weir.dev/e2e/suite/harness"
)

// What the operator is given to do while somebody looks.
const (
	scaleEvery  = 500 * time.Millisecond // one Foo, to which it answers with a Deployment's update
	scaledFoos  = 20
	stuckFoo    = "name-is-taken" // whose Deployment is somebody else's: it is never answered
	takenByElse = "somebody-elses"
)

// show keeps all of it at work until the context ends: the operator behind Weir, Foos
// that change, and one that the operator cannot do anything about.
func show(ctx context.Context, server *harness.APIServer, weir *harness.Weir, dir string, objects int) error {
	admin := filepath.Join(dir, "admin.kubeconfig")
	if err := server.WriteKubeconfig(admin, "admin", ""); err != nil {
		return err
	}
	binary, err := harness.Binary("sample-controller")
	if err != nil {
		return err
	}
	operator, err := harness.StartProcess("sample-controller", filepath.Join(dir, "sample-controller-kept.log"),
		binary, "--kubeconfig", weir.Kubeconfig())
	if err != nil {
		return err
	}
	defer operator.Kill()
	client, err := dynamic.NewForConfig(server.Config("admin"))
	if err != nil {
		return err
	}
	if err := makeStuck(ctx, client); err != nil {
		return err
	}
	fmt.Printf("\nstill running, until Ctrl-C: sample-controller behind Weir, a Foo that is scaled twice a second,\n"+
		"and after 10 s one that is stuck, as its Deployment's name is taken:\n"+
		"  Weir's page                http://%s  (open it in a browser)\n"+
		"  in this terminal           weir top --admin %s\n"+
		"  through Weir               KUBECONFIG=%s\n"+
		"  straight to the API server KUBECONFIG=%s\n", weir.Admin, weir.Admin, weir.Kubeconfig(), admin)
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			operator.Stop(10 * time.Second)
			return nil
		case <-time.After(scaleEvery):
		}
		if operator.Exited() && ctx.Err() == nil {
			return fmt.Errorf("sample-controller has ended:\n%s", operator.Tail(15))
		}
		// Who looks may stop the API server, or take things away: what is shown is theirs.
		if err := scale(ctx, client, i%min(scaledFoos, objects), 1+int64(i/scaledFoos)%3); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "weir-demo:", err)
		}
	}
}

func scale(ctx context.Context, client dynamic.Interface, i int, replicas int64) error {
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	_, err := client.Resource(harness.Foos).Namespace(namespace).
		Patch(ctx, harness.FooName(i), types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

func makeStuck(ctx context.Context, client dynamic.Interface) error {
	taken := harness.NewDeployment(namespace, takenByElse, 1, nil)
	if _, err := client.Resource(harness.Deployments).Namespace(namespace).Create(ctx, taken, metav1.CreateOptions{}); err != nil {
		return err
	}
	foo := harness.NewFoo(namespace, stuckFoo, 1)
	foo.Object["spec"].(harness.Object)["deploymentName"] = takenByElse
	_, err := client.Resource(harness.Foos).Namespace(namespace).Create(ctx, foo, metav1.CreateOptions{})
	return err
}
