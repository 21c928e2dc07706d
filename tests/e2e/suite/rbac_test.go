// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"weir.dev/e2e/suite/harness"
)

// The namespace that those have rights in who have them in one only.
const rbacNamespace = "rbac-a"

func onConfigMaps(namespace, name string, verbs ...string) harness.Right {
	return harness.Right{Verbs: verbs, Resource: "configmaps", Namespace: namespace, Name: name}
}

// Who may do what at first.
var rbacRights = map[string][]harness.Right{
	"nothing":         nil,
	"list":            {onConfigMaps("", "", "list")},
	"watch":           {onConfigMaps("", "", "watch")},
	"get":             {onConfigMaps("", "", "get")},
	"list, watch":     {onConfigMaps("", "", "list", "watch")},
	"all":             {onConfigMaps("", "", "get", "list", "watch"), {Verbs: []string{"impersonate"}, Resource: "users"}},
	"one namespace":   {onConfigMaps(rbacNamespace, "", "get", "list", "watch")},
	"one name":        {onConfigMaps("", "one", "get", "list", "watch")},
	"one object":      {onConfigMaps(rbacNamespace, "one", "get", "list", "watch")},
	"to be revoked":   {onConfigMaps("", "", "get", "list", "watch")},
	"to be revoked a": {onConfigMaps(rbacNamespace, "", "get", "list", "watch")},
	"to be granted":   nil,
	"to be deleted":   {onConfigMaps("", "", "get", "list", "watch")},
}

// A caller asks the Weir of an owner, perhaps as somebody else.
type rbacCase struct {
	owner, caller, as string
	cached            string // the verbs that Weir then answers from its cache
}

func (c rbacCase) String() string {
	text := fmt.Sprintf("%q", c.caller)
	if c.owner != c.caller {
		text += fmt.Sprintf(" through the Weir of %q", c.owner)
	}
	if c.as != "" {
		text += fmt.Sprintf(" as %q", c.as)
	}
	return text
}

var rbacCases = []rbacCase{
	{owner: "nothing", caller: "nothing"},
	{owner: "list", caller: "list"},
	{owner: "watch", caller: "watch", cached: "watch"},
	{owner: "get", caller: "get"},
	{owner: "list, watch", caller: "list, watch", cached: "list watch"},
	{owner: "all", caller: "all", cached: "get list watch"},
	{owner: "one namespace", caller: "one namespace", cached: "get list watch"},
	{owner: "one name", caller: "one name", cached: "list watch"},
	{owner: "one object", caller: "one object", cached: "list watch"},
	{owner: "to be revoked", caller: "to be revoked", cached: "get list watch"},
	{owner: "to be revoked a", caller: "to be revoked a", cached: "get list watch"},
	{owner: "to be granted", caller: "to be granted"},
	{owner: "to be deleted", caller: "to be deleted", cached: "get list watch"},
	{owner: "all", caller: "one namespace"},
	{owner: "all", caller: "to be revoked"},
	{owner: "all", caller: "nothing"},
	{owner: "one namespace", caller: "all"},
	{owner: "list, watch", caller: "all"},
	{owner: "all", caller: "all", as: "one namespace"},
	{owner: "all", caller: "all", as: "nothing"},
	{owner: "all", caller: "one namespace", as: "all"},
}

// rbacMatrix is the world in which the cases are asked.
type rbacMatrix struct {
	server  *harness.APIServer
	admin   kubernetes.Interface
	rights  map[string][]harness.Right // as they are now
	gone    map[string]bool            // no longer known to the API server
	users   map[string]string
	tokens  map[string]string
	weirs   map[string]map[string]*harness.Weir // by owner, by way
	clients map[string]*harness.RawClient
}

// Whatever the API server allows to whom, through Weir it is answered as straight: to Weir's own
// user, to others, and to those who act as others; before and after rights are given and taken.
func TestRights(t *testing.T) {
	needWeir(t, wayNames[1])
	m := newRBACMatrix(t)
	version := m.touch(t, "one")
	m.ask(t, "at first", rbacCases, version, false, false)

	// What follows is in the window of every cache.
	version = m.touch(t, "one")
	m.change(t)
	m.ask(t, "with warm caches", rbacCases, version, true, true)

	revoked := m.changeRights(t)
	var owners, others []rbacCase
	for _, c := range rbacCases {
		switch {
		case c.caller == "to be granted" || c.caller == "to be revoked" && c.owner != c.caller:
			others = append(others, c)
		case strings.HasPrefix(c.caller, "to be"):
			c.cached = ""
			owners = append(owners, c)
		case c.owner == "all" && c.caller == "all":
			owners = append(owners, c)
		}
	}
	m.ask(t, "forwarded as soon as rights have changed", others, version, true, false)
	// Weir asks the API server again when its last word is older than 30 s; which itself remembers a
	// token of somebody who is gone for 10 s.
	time.Sleep(time.Until(revoked.Add(45 * time.Second)))
	m.ask(t, "45 s after rights have changed", owners, version, true, true)
}

func newRBACMatrix(t *testing.T) *rbacMatrix {
	t.Helper()
	server, ctx := ownCluster(t), context.Background()
	m := &rbacMatrix{
		server: server, admin: need(kubernetes.NewForConfig(server.Config("admin")))(t),
		rights: map[string][]harness.Right{}, gone: map[string]bool{},
		users: map[string]string{}, tokens: map[string]string{},
		weirs: map[string]map[string]*harness.Weir{}, clients: map[string]*harness.RawClient{},
	}
	for _, namespace := range []string{rbacNamespace, "rbac-b"} {
		must(t, harness.CreateNamespace(ctx, adminClient(t, server), namespace))
		for _, name := range []string{"one", "two"} {
			createConfigMap(t, adminClient(t, server), namespace, name)
		}
	}
	for who, rights := range rbacRights {
		m.rights[who] = rights
		if who == "to be deleted" {
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "operator"}}
			_, err := m.admin.CoreV1().ServiceAccounts(rbacNamespace).Create(ctx, account, metav1.CreateOptions{})
			must(t, err)
			m.users[who] = "system:serviceaccount:" + rbacNamespace + ":operator"
			m.tokens[who] = serviceAccountToken(t, m.admin, rbacNamespace)
		} else {
			m.users[who] = server.NewPlainUser()
			m.tokens[who] = server.Config(m.users[who]).BearerToken
		}
		must(t, server.Grant(ctx, m.users[who], rights...))
	}
	m.startWeirs(t)
	return m
}

func (m *rbacMatrix) startWeirs(t *testing.T) {
	t.Helper()
	for _, c := range rbacCases {
		if m.weirs[c.owner] == nil {
			m.weirs[c.owner] = map[string]*harness.Weir{}
			for _, name := range wayNames[1:] {
				dir := filepath.Join(testDir(t), unsafeInPath.ReplaceAllString(c.owner+" "+name, "-"))
				kubeconfig := filepath.Join(dir, "kubeconfig")
				must(t, m.server.WriteTokenKubeconfig(kubeconfig, m.tokens[c.owner]))
				m.weirs[c.owner][name] = startWeir(t, harness.WeirOptions{Dir: dir, Kubeconfig: kubeconfig, Workers: workersOf[name]})
			}
		}
		m.clients[c.caller+c.as] = rbacClient(t, m.server.Config("admin"), m.tokens[c.caller], m.users[c.as])
		for name, weir := range m.weirs[c.owner] {
			m.clients[c.String()+name] = rbacClient(t, need(weir.Config())(t), m.tokens[c.caller], m.users[c.as])
		}
	}
}

// touch changes an object and returns its new version.
func (m *rbacMatrix) touch(t *testing.T, name string) string {
	t.Helper()
	patch := fmt.Appendf(nil, `{"data":{"touched":"%d"}}`, time.Now().UnixNano())
	object, err := m.admin.CoreV1().ConfigMaps(rbacNamespace).
		Patch(context.Background(), name, types.MergePatchType, patch, metav1.PatchOptions{})
	must(t, err)
	return object.ResourceVersion
}

// change makes events of each type, of objects that some may see and others may not.
func (m *rbacMatrix) change(t *testing.T) {
	t.Helper()
	admin := adminClient(t, m.server)
	for _, namespace := range []string{rbacNamespace, "rbac-b"} {
		createConfigMap(t, admin, namespace, "three")
		must(t, m.admin.CoreV1().ConfigMaps(namespace).Delete(context.Background(), "two", metav1.DeleteOptions{}))
	}
	m.touch(t, "one")
}

// changeRights gives and takes what the names of the callers announce, and returns when all of it
// was done.
func (m *rbacMatrix) changeRights(t *testing.T) time.Time {
	t.Helper()
	ctx := context.Background()
	for _, who := range []string{"to be revoked", "to be revoked a"} {
		must(t, m.server.Revoke(ctx, m.users[who], m.rights[who]...))
		m.rights[who] = nil
	}
	m.rights["to be granted"] = rbacRights["to be revoked"]
	must(t, m.server.Grant(ctx, m.users["to be granted"], m.rights["to be granted"]...))
	must(t, m.admin.CoreV1().ServiceAccounts(rbacNamespace).Delete(ctx, "operator", metav1.DeleteOptions{}))
	m.gone["to be deleted"] = true
	// The API server itself remembers a token for 10 s.
	config := m.server.Config("admin")
	config.BearerToken = m.tokens["to be deleted"]
	client := need(kubernetes.NewForConfig(config))(t)
	must(t, harness.PollFor(20*time.Second, 100*time.Millisecond, func() error {
		_, err := client.CoreV1().ConfigMaps("").List(ctx, metav1.ListOptions{Limit: 1})
		if !errors.IsUnauthorized(err) {
			return fmt.Errorf("want 401, got %v", err)
		}
		return nil
	}))
	return time.Now()
}

// ask wants the same of Weir as straight, in each case. `changed`: since the caches were filled.
func (m *rbacMatrix) ask(t *testing.T, when string, cases []rbacCase, version string, changed, counted bool) {
	t.Helper()
	began := time.Now()
	requests := rbacRequests(rbacNamespace, version, 2)
	var mu sync.Mutex
	known := true
	direct := map[string][]rbacAnswer{}
	var group limitedGroup
	for _, c := range cases {
		if direct[c.caller+c.as] != nil {
			continue
		}
		direct[c.caller+c.as] = []rbacAnswer{}
		group.Go(func() {
			answers, err := askAll(m.clients[c.caller+c.as], requests)
			if err != nil {
				t.Errorf("%s: %v, straight: %v", when, c, err)
			}
			mu.Lock()
			defer mu.Unlock()
			known = known && err == nil && m.checkStatuses(t, c, requests, answers)
			direct[c.caller+c.as] = answers
		})
	}
	group.Wait()
	if !known {
		t.FailNow()
	}
	for owner, weirs := range m.weirs {
		for name, weir := range weirs {
			group.Go(func() {
				for _, c := range cases {
					if c.owner == owner {
						m.compare(t, when, c, name, weir, requests, direct[c.caller+c.as], changed, counted)
					}
				}
			})
		}
	}
	group.Wait()
	t.Logf("%s: %d cases of %d requests in %v", when, len(cases), len(requests), time.Since(began))
}

// limitedGroup runs a few at a time: most of what they do is to wait for watches to end.
type limitedGroup struct {
	sync.WaitGroup
	once  sync.Once
	slots chan struct{}
}

func (g *limitedGroup) Go(do func()) {
	g.once.Do(func() { g.slots = make(chan struct{}, 8) })
	g.WaitGroup.Go(func() {
		g.slots <- struct{}{}
		defer func() { <-g.slots }()
		do()
	})
}

func (m *rbacMatrix) compare(t *testing.T, when string, c rbacCase, name string, weir *harness.Weir,
	requests []rbacRequest, want []rbacAnswer, changed, counted bool) {
	client := m.clients[c.String()+name]
	before, err := weir.FromCache("configmaps")
	var got []rbacAnswer
	if err == nil {
		got, err = askAll(client, requests)
	}
	if err != nil {
		t.Errorf("%s, %s: %v: %v", when, name, c, err)
		return
	}
	for i, request := range requests {
		for tries := 0; tries < 5 && !got[i].equals(want[i]) && got[i].isLate(request, want[i], changed); tries++ {
			if got[i], err = request.ask(client); err != nil {
				t.Error(err)
			}
		}
		if !got[i].equals(want[i]) {
			t.Errorf("%s, %s: %v: %s %s as %s: straight\n%v\nand through Weir\n%v",
				when, name, c, request.verb, request.path, request.accept, want[i], got[i])
		}
	}
	for _, verb := range []string{"get", "list", "watch"} {
		// Without the right to list only a stream-list fills a cache.
		wanted := slices.Contains(strings.Fields(c.cached), verb) && (harness.StreamLists() || c.cached != "watch")
		if counted && m.cached(t, c, name, weir, verb, before[verb], wanted) != wanted {
			t.Errorf("%s, %s: %v: requests to %s were answered from the cache: %v", when, name, c, verb, !wanted)
		}
	}
}

// cached says whether requests of a verb were answered from the cache since then. A GET whose
// answer would be behind what a forwarded one has just said is forwarded, too: those that should
// not be are made again.
func (m *rbacMatrix) cached(t *testing.T, c rbacCase, name string, weir *harness.Weir, verb string, before int, wanted bool) bool {
	for tries := 0; ; tries++ {
		now, err := weir.FromCache("configmaps")
		if err != nil {
			t.Error(err)
		}
		if now[verb] > before || !wanted || verb != "get" || tries == 10 {
			return now[verb] > before
		}
		one := rbacRequest{verb, "/api/v1/namespaces/" + rbacNamespace + "/configmaps/one?resourceVersion=0", harness.JSON}
		if _, err := one.ask(m.clients[c.String()+name]); err != nil {
			t.Error(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// checkStatuses wants of the API server what the rights say, so that the cases are what they claim.
func (m *rbacMatrix) checkStatuses(t *testing.T, c rbacCase, requests []rbacRequest, answers []rbacAnswer) bool {
	rights, ok := m.rights[c.caller], true
	if c.as != "" {
		mayImpersonate := slices.ContainsFunc(rights, func(r harness.Right) bool { return r.Resource == "users" })
		rights = nil
		if mayImpersonate {
			rights = m.rights[c.as]
		}
	}
	for i, request := range requests {
		want := http.StatusForbidden
		switch {
		case m.gone[c.caller]:
			want = http.StatusUnauthorized
		case request.allowedBy(rights) && strings.Contains(request.path, "/none"):
			want = http.StatusNotFound
		case request.allowedBy(rights) && !(answers[i].status == http.StatusNotFound && strings.Contains(request.path, "/two")):
			want = http.StatusOK
		case request.allowedBy(rights):
			want = http.StatusNotFound
		}
		if answers[i].status != want {
			t.Errorf("%v: %s %s straight: want %d, got %v", c, request.verb, request.path, want, answers[i])
			ok = false
		}
	}
	return ok
}

func (r rbacRequest) allowedBy(rights []harness.Right) bool {
	inNamespace := strings.HasPrefix(r.path, "/api/v1/namespaces/"+rbacNamespace+"/")
	isOne := strings.Contains(r.path, "metadata.name%3Done") || strings.Contains(r.path, "/configmaps/one")
	return slices.ContainsFunc(rights, func(right harness.Right) bool {
		return right.Resource == "configmaps" && slices.Contains(right.Verbs, r.verb) &&
			(right.Namespace == "" || inNamespace) && (right.Name == "" || isOne)
	})
}
