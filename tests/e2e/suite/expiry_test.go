// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"weir.dev/e2e/suite/harness"
)

// expiring is a caller whose token runs out, straight or through a Weir that has the same token.
type expiring struct {
	name   string
	weir   *harness.Weir // or nil
	client *harness.RawClient
	watch  *harness.RawWatch
}

// A token that runs out while a watch is open: nothing is read with it any more, by Weir's own
// user either, in whatever form; and the watch goes on or not, as it does straight.
func TestExpiredToken(t *testing.T) {
	needWeir(t, wayNames[1])
	server, ctx := sharedCluster(t), context.Background()
	namespace := newNamespace(t, server)
	admin := need(kubernetes.NewForConfig(server.Config("admin")))(t)
	createConfigMap(t, adminClient(t, server), namespace, "one")
	account := need(admin.CoreV1().ServiceAccounts(namespace).Create(ctx,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "operator"}}, metav1.CreateOptions{}))(t)
	must(t, server.Grant(ctx, "system:serviceaccount:"+namespace+":operator", onConfigMaps(namespace, "", "get", "list", "watch")))
	one := need(admin.CoreV1().ConfigMaps(namespace).Get(ctx, "one", metav1.GetOptions{}))(t)
	requests := rbacRequests(namespace, one.ResourceVersion, 1)

	// The API server grants its peers' clocks a minute beyond what a token says.
	const leeway, lifetime = time.Minute, 20 * time.Second
	token := need(server.ServiceAccountToken(namespace, "operator", string(account.UID), lifetime-leeway))(t)
	expiry := time.Now().Add(lifetime)
	all := openExpiring(t, server, token)
	path := "/api/v1/namespaces/" + namespace + "/configmaps"
	for _, e := range all {
		e.watch = need(e.client.Watch(ctx, path+"?watch=1&resourceVersion="+one.ResourceVersion, harness.JSON))(t)
		t.Cleanup(e.watch.Close)
		need(askAll(e.client, requests))(t)
		if e.weir != nil {
			if cached := need(e.weir.FromCache("configmaps"))(t); cached["list"] == 0 || cached["watch"] == 0 {
				t.Errorf("%s: nothing was answered from the cache before the token ran out: %v", e.name, cached)
			}
		}
	}
	if time.Now().After(expiry) {
		t.Fatalf("this machine is too slow: the token ran out after %v, while it was still used", lifetime)
	}

	// The API server itself remembers a token for 10 s.
	must(t, harness.PollFor(lifetime+30*time.Second, 100*time.Millisecond, func() error {
		answer, err := rbacRequest{"list", path, harness.JSON}.ask(all[0].client)
		if err == nil && answer.status != http.StatusUnauthorized {
			err = fmt.Errorf("want 401, got %v", answer)
		}
		return err
	}))
	want := need(askAll(all[0].client, requests))(t)
	for _, e := range all {
		got := need(askAll(e.client, requests))(t)
		for i, request := range requests {
			if want[i].status != http.StatusUnauthorized || !got[i].equals(want[i]) {
				t.Errorf("%s: %s %s as %s after the token ran out: straight\n%v\nand so\n%v",
					e.name, request.verb, request.path, request.accept, want[i], got[i])
			}
		}
	}
	_, err := admin.CoreV1().ConfigMaps(namespace).Patch(ctx, "one", types.MergePatchType,
		[]byte(`{"data":{"after":"expiry"}}`), metav1.PatchOptions{})
	must(t, err)
	for _, e := range all {
		if err := e.watch.WaitFrames(1, 10*time.Second); err != nil {
			t.Errorf("%s: the watch from before does not go on: %v", e.name, err)
		}
	}
}

// openExpiring opens all ways, the straight one first.
func openExpiring(t *testing.T, server *harness.APIServer, token string) []*expiring {
	t.Helper()
	all := []*expiring{{name: "direct", client: rbacClient(t, server.Config("admin"), token, "")}}
	for _, name := range wayNames[1:] {
		dir := filepath.Join(testDir(t), unsafeInPath.ReplaceAllString(name, "-"))
		kubeconfig := filepath.Join(dir, "kubeconfig")
		must(t, server.WriteTokenKubeconfig(kubeconfig, token))
		weir := startWeir(t, harness.WeirOptions{Dir: dir, Kubeconfig: kubeconfig, Workers: workersOf[name]})
		all = append(all, &expiring{name: name, weir: weir, client: rbacClient(t, need(weir.Config())(t), token, "")})
	}
	return all
}

// The API server closes a connection on which it has refused a token, and leaves out what came
// after that: whoever asks much at once must be refused all the same.
func TestManyRequestsWithABadToken(t *testing.T) {
	server := sharedCluster(t)
	throughWeir(t, server, func(t *testing.T, w *way) {
		client := rbacClient(t, w.config, "nobody's", "")
		requests := make([]rbacRequest, 100)
		for i := range requests {
			requests[i] = rbacRequest{"list", configMapsEverywhere, harness.JSON}
		}
		for range 5 {
			for _, answer := range need(askAll(client, requests))(t) {
				if answer.status != http.StatusUnauthorized {
					t.Fatalf("want 401, got %v", answer)
				}
			}
		}
	})
}
