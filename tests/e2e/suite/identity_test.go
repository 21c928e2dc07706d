// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"weir.dev/e2e/suite/harness"
)

// A caller and what it may see.
var callers = []struct {
	name, token string
	want        int // of a list of all ConfigMaps
}{
	{"no token", "", 401},
	{"a wrong token", "nobody-knows-this", 401},
	{"a user with no rights", "secret-of-nobody", 403},
	{"a user with rights in one namespace", "secret-of-limited", 403},
}

// Weir holds everything its owner may read, and shows none of it to others: they
// get what the API server itself answers them.
func TestOthersGetTheAPIServersAnswer(t *testing.T) {
	server := sharedCluster(t)
	namespace := newNamespace(t, server)
	createConfigMap(t, adminClient(t, server), namespace, "visible")
	grantRead(t, server, namespace)
	paths := []string{
		configMapsEverywhere,
		configMapsEverywhere + "?resourceVersion=0",
		configMapsEverywhere + "?watch=1&resourceVersion=0&timeoutSeconds=1",
		"/api/v1/namespaces/" + namespace + "/configmaps?resourceVersion=0",
		"/api/v1/namespaces/" + namespace + "/configmaps/visible",
		"/api/v1/namespaces/" + namespace + "/secrets",
	}
	var direct []answer
	eachWay(t, server, func(t *testing.T, w *way) {
		// The owner's first: now there is something that could leak.
		for _, path := range paths {
			_, _, err := w.raw(t).Get(context.Background(), path, "Accept", harness.JSON)
			must(t, err)
		}
		var answers []answer
		for _, caller := range callers {
			client := withToken(t, w.config, caller.token)
			for i, path := range paths {
				response, body, err := client.Get(context.Background(), path, "Accept", harness.JSON)
				must(t, err)
				if i == 0 && response.StatusCode != caller.want {
					t.Errorf("%s: status %d and not %d", caller.name, response.StatusCode, caller.want)
				}
				kept := map[string][]string{"Content-Type": response.Header.Values("Content-Type")}
				answers = append(answers, answer{response.StatusCode, kept, normalised(string(body), namespace)})
			}
		}
		if w.weir == nil {
			direct = answers
			return
		}
		for i, answer := range answers {
			if !reflect.DeepEqual(answer, direct[i]) {
				t.Errorf("%s, %s: straight\n%+v\nand through Weir\n%+v",
					callers[i/len(paths)].name, paths[i%len(paths)], direct[i], answer)
			}
		}
	})
}

// grantRead lets "limited" read the ConfigMaps of one namespace.
func grantRead(t *testing.T, server *harness.APIServer, namespace string) {
	t.Helper()
	ctx := context.Background()
	client := need(kubernetes.NewForConfig(server.Config("admin")))(t)
	_, err := client.RbacV1().Roles(namespace).Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "read"},
		Rules: []rbacv1.PolicyRule{{
			Verbs: []string{"get", "list", "watch"}, APIGroups: []string{""}, Resources: []string{"configmaps"},
		}},
	}, metav1.CreateOptions{})
	must(t, err)
	_, err = client.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "read"},
		Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "limited"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "read"},
	}, metav1.CreateOptions{})
	must(t, err)
	limited := need(kubernetes.NewForConfig(server.Config("limited")))(t)
	// The authorizer learns of a grant by a watch of its own.
	must(t, harness.PollFor(10*time.Second, 20*time.Millisecond, func() error {
		_, err := limited.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{})
		return err
	}))
}

func withToken(t *testing.T, config *rest.Config, token string) *harness.RawClient {
	t.Helper()
	config = rest.CopyConfig(config)
	config.BearerToken, config.BearerTokenFile = token, ""
	// A 401 makes the API server drop the connection: keep it from the owner's.
	config.UserAgent = "weir-e2e-other"
	return need(harness.NewRawClient(config, true))(t)
}

// A user who may act as another is answered as that other.
func TestImpersonationIsForwarded(t *testing.T) {
	server := sharedCluster(t)
	eachWay(t, server, func(t *testing.T, w *way) {
		_, _, err := w.raw(t).Get(context.Background(), configMapsEverywhere+"?resourceVersion=0")
		must(t, err)
		response, body, err := w.raw(t).Get(context.Background(), configMapsEverywhere+"?resourceVersion=0", "Impersonate-User", "nobody")
		must(t, err)
		if response.StatusCode != http.StatusForbidden || !strings.Contains(string(body), `User \"nobody\"`) {
			t.Errorf("want the API server's 403 for nobody, got %s: %s", response.Status, body)
		}
	})
}

// With a service account's token in a file, as in a pod: Weir follows its rotation
// and hands it on in its client directory.
func TestServiceAccountToken(t *testing.T) {
	server := sharedCluster(t)
	throughWeir(t, server, func(t *testing.T, w *way) {
		namespace := newNamespace(t, server)
		admin := need(kubernetes.NewForConfig(server.Config("admin")))(t)
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "operator"}}
		_, err := admin.CoreV1().ServiceAccounts(namespace).Create(context.Background(), account, metav1.CreateOptions{})
		must(t, err)
		tokenFile := filepath.Join(testDir(t), "token")
		writeToken := func() string {
			token := serviceAccountToken(t, admin, namespace)
			must(t, os.WriteFile(tokenFile+".new", []byte(token), 0o600))
			must(t, os.Rename(tokenFile+".new", tokenFile))
			return token
		}
		first := writeToken()
		kubeconfig := filepath.Join(testDir(t), "kubeconfig")
		must(t, server.WriteTokenFileKubeconfig(kubeconfig, tokenFile))
		weir := startWeir(t, harness.WeirOptions{
			Dir: filepath.Join(testDir(t), "by token file"), Kubeconfig: kubeconfig, Workers: workersOf[w.name],
		})
		must(t, handedOn(weir, first))
		config := need(weir.Config())(t)
		whoAmI(t, config, "system:serviceaccount:"+namespace+":operator")

		second := writeToken()
		// kubelet replaces a token long before it runs out; a minute is in good time.
		must(t, harness.PollFor(70*time.Second, 100*time.Millisecond, func() error { return handedOn(weir, second) }))
		for _, token := range []string{first, second} {
			config := rest.CopyConfig(config)
			config.BearerToken, config.BearerTokenFile = token, ""
			whoAmI(t, config, "system:serviceaccount:"+namespace+":operator")
		}
	})
}

func serviceAccountToken(t *testing.T, admin kubernetes.Interface, namespace string) string {
	t.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(600))}}
	answer, err := admin.CoreV1().ServiceAccounts(namespace).
		CreateToken(context.Background(), "operator", request, metav1.CreateOptions{})
	must(t, err)
	return answer.Status.Token
}

func handedOn(weir *harness.Weir, token string) error {
	content, err := os.ReadFile(filepath.Join(weir.ClientDir, "token"))
	if err == nil && string(content) != token {
		err = fmt.Errorf("the client directory of weir holds another token")
	}
	return err
}

func whoAmI(t *testing.T, config *rest.Config, want string) {
	t.Helper()
	if err := seenAs(config, want); err != nil {
		t.Error(err)
	}
}

func seenAs(config *rest.Config, want string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().
		Create(context.Background(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err == nil && review.Status.UserInfo.Username != want {
		err = fmt.Errorf("the API server sees %q and not %q", review.Status.UserInfo.Username, want)
	}
	return err
}

// With a client certificate, which cannot cross Weir, clients get a token of
// Weir's own, and Weir acts with its certificate.
func TestClientCertificateUpstream(t *testing.T) {
	server := sharedCluster(t)
	throughWeir(t, server, func(t *testing.T, w *way) {
		kubeconfig := filepath.Join(testDir(t), "kubeconfig")
		must(t, server.WriteCertificateKubeconfig(kubeconfig, "", "certified", "system:masters"))
		weir := startWeir(t, harness.WeirOptions{
			Dir: filepath.Join(testDir(t), "by certificate"), Kubeconfig: kubeconfig, Workers: workersOf[w.name],
		})
		config := need(weir.Config())(t)
		whoAmI(t, config, "certified")
		_, err := need(kubernetes.NewForConfig(config))(t).CoreV1().ConfigMaps("").
			List(context.Background(), metav1.ListOptions{ResourceVersion: "0"})
		must(t, err)
		config.BearerToken, config.BearerTokenFile = "not weir's", ""
		_, err = need(kubernetes.NewForConfig(config))(t).CoreV1().ConfigMaps("").List(context.Background(), metav1.ListOptions{})
		if !errors.IsUnauthorized(err) {
			t.Errorf("a wrong token must not act with Weir's certificate: want 401, got %v", err)
		}
		info := need(os.Stat(filepath.Join(weir.ClientDir, "token")))(t)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("the token's file mode is %v and not 0600", info.Mode())
		}

		// The certificate is renewed: Weir follows its files, and what it had
		// cached as somebody else goes.
		must(t, server.WriteCertificateKubeconfig(kubeconfig, "", "renewed", "system:masters"))
		config = need(weir.Config())(t)
		must(t, harness.PollFor(30*time.Second, 100*time.Millisecond, func() error { return seenAs(config, "renewed") }))
		_, err = need(kubernetes.NewForConfig(config))(t).CoreV1().ConfigMaps("").
			List(context.Background(), metav1.ListOptions{ResourceVersion: "0"})
		must(t, err)
	})
}

// The metrics and pages of Weir never show a token or an object's content.
func TestAdminPagesShowNoSecrets(t *testing.T) {
	server := sharedCluster(t)
	throughWeir(t, server, func(t *testing.T, w *way) {
		watch := need(w.raw(t).Watch(context.Background(), configMapsEverywhere+"?watch=1&resourceVersion=0", harness.JSON))(t)
		t.Cleanup(watch.Close)
		for _, page := range []string{"/livez", "/readyz", "/metrics", "/streams", "/caches"} {
			body := need(w.weir.AdminPage(page))(t)
			for _, secret := range []string{w.config.BearerToken, "payload"} {
				if secret != "" && strings.Contains(body, secret) {
					t.Errorf("%s shows %q", page, secret)
				}
			}
		}
		log := need(os.Open(w.weir.LogFile))(t)
		defer log.Close()
		if content := need(io.ReadAll(log))(t); strings.Contains(string(content), "secret-of-") {
			t.Errorf("the log %s shows a token", w.weir.LogFile)
		}
	})
}
