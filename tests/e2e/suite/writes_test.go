// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"weir.dev/e2e/suite/harness"
)

const (
	configMapsPath  = "/api/v1/namespaces/NS/configmaps"
	deploymentsPath = "/apis/apps/v1/namespaces/NS/deployments"
	foosPath        = "/apis/samplecontroller.k8s.io/v1alpha1/namespaces/NS/foos"

	mergePatch     = "application/merge-patch+json"
	jsonPatch      = "application/json-patch+json"
	strategicPatch = "application/strategic-merge-patch+json"
	applyPatch     = "application/apply-patch+yaml"
)

// call is one request of a script. NS stands for the namespace of the test, RV
// for the resourceVersion in the last answer that had one.
type call struct {
	name, method, path, contentType, body string
	accept                                string // JSON when empty
	want                                  int    // the status both ways must have
}

// script has every kind of write, and the refusals that clients rely on.
var script = []call{
	{"create", "POST", configMapsPath, harness.JSON, `{"metadata":{"name":"a","labels":{"l":"1"}},"data":{"k":"1"}}`, "", 201},
	{"create what exists", "POST", configMapsPath, harness.JSON, `{"metadata":{"name":"a"}}`, "", 409},
	{"create with a bad name", "POST", configMapsPath, harness.JSON, `{"metadata":{"name":"A B"}}`, "", 422},
	{"create with an unknown field", "POST", configMapsPath + "?fieldValidation=Warn", harness.JSON, `{"metadata":{"name":"w"},"dota":{}}`, "", 201},
	{"create what is not JSON", "POST", configMapsPath, harness.JSON, `{"metadata":`, "", 400},
	{"create only for show", "POST", configMapsPath + "?dryRun=All", harness.JSON, `{"metadata":{"name":"dry"}}`, "", 201},
	{"create in YAML", "POST", configMapsPath, "application/yaml", "metadata:\n  name: yaml\n", "", 201},
	{"read", "GET", configMapsPath + "/a", "", "", "", 200},
	{"read as protobuf", "GET", configMapsPath + "/nothing", "", "", harness.Protobuf, 404},
	{"read as YAML", "GET", configMapsPath + "/a", "", "", "application/yaml", 200},
	{"read as table", "GET", configMapsPath, "", "", "application/json;as=Table;v=v1;g=meta.k8s.io", 200},
	{"read what is not there", "GET", configMapsPath + "/nothing", "", "", "", 404},
	{"update", "PUT", configMapsPath + "/a", harness.JSON, `{"metadata":{"name":"a"},"data":{"k":"2"}}`, "", 200},
	{"update with the version", "PUT", configMapsPath + "/a", harness.JSON, `{"metadata":{"name":"a","resourceVersion":"RV"},"data":{"k":"3"}}`, "", 200},
	{"update with an old version", "PUT", configMapsPath + "/a", harness.JSON, `{"metadata":{"name":"a","resourceVersion":"1"},"data":{"k":"4"}}`, "", 409},
	{"merge patch", "PATCH", configMapsPath + "/a", mergePatch, `{"data":{"k":"5","gone":null}}`, "", 200},
	{"JSON patch", "PATCH", configMapsPath + "/a", jsonPatch, `[{"op":"test","path":"/data/k","value":"5"},{"op":"add","path":"/data/j","value":"1"}]`, "", 200},
	{"JSON patch that fails its test", "PATCH", configMapsPath + "/a", jsonPatch, `[{"op":"test","path":"/data/k","value":"no"}]`, "", 422},
	{"apply", "PATCH", configMapsPath + "/s?fieldManager=one", applyPatch, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: s\ndata:\n  k: '1'\n", "", 201},
	{"apply again", "PATCH", configMapsPath + "/s?fieldManager=one", applyPatch, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: s\ndata:\n  k: '2'\n", "", 200},
	{"apply another's field", "PATCH", configMapsPath + "/s?fieldManager=two", applyPatch, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: s\ndata:\n  k: '3'\n", "", 409},
	{"apply it by force", "PATCH", configMapsPath + "/s?fieldManager=two&force=true", applyPatch, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: s\ndata:\n  k: '3'\n", "", 200},
	{"create a Deployment", "POST", deploymentsPath, harness.JSON, `{"metadata":{"name":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`, "", 201},
	{"strategic patch", "PATCH", deploymentsPath + "/d", strategicPatch, `{"spec":{"template":{"spec":{"containers":[{"name":"sidecar","image":"s"}]}}}}`, "", 200},
	{"scale", "PUT", deploymentsPath + "/d/scale", harness.JSON, `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d","namespace":"NS"},"spec":{"replicas":3}}`, "", 200},
	{"change what cannot be changed", "PATCH", deploymentsPath + "/d", mergePatch, `{"spec":{"selector":{"matchLabels":{"a":"c"}}}}`, "", 422},
	{"create a custom resource", "POST", foosPath, harness.JSON, `{"apiVersion":"samplecontroller.k8s.io/v1alpha1","kind":"Foo","metadata":{"name":"f"},"spec":{"deploymentName":"f","replicas":1}}`, "", 201},
	{"break its schema", "PATCH", foosPath + "/f", mergePatch, `{"spec":{"replicas":11}}`, "", 422},
	{"patch its status", "PATCH", foosPath + "/f/status", mergePatch, `{"status":{"availableReplicas":7}}`, "", 200},
	{"ask for it in protobuf", "GET", foosPath + "/f", "", "", harness.Protobuf, 406},
	{"delete with another uid", "DELETE", foosPath + "/f", harness.JSON, `{"preconditions":{"uid":"other"}}`, "", 409},
	{"delete", "DELETE", foosPath + "/f", "", "", "", 200},
	{"delete what is gone", "DELETE", foosPath + "/f", "", "", "", 404},
	{"delete in the foreground", "DELETE", deploymentsPath + "/d?propagationPolicy=Foreground", "", "", "", 200},
	{"read what is being deleted", "GET", deploymentsPath + "/d", "", "", "", 200},
	{"delete some", "DELETE", configMapsPath + "?labelSelector=l%3D1", "", "", "", 200},
	{"delete all", "DELETE", configMapsPath, "", "", "", 200},
	{"list nothing", "GET", configMapsPath, "", "", "", 200},
	{"select badly", "GET", configMapsPath + "?labelSelector=%3D%3D", "", "", "", 400},
	{"select an unknown field", "GET", configMapsPath + "?fieldSelector=data.k%3D1", "", "", "", 400},
	{"ask for a bad combination", "GET", configMapsPath + "?resourceVersionMatch=Exact", "", "", "", 422},
	{"an unknown path", "GET", "/nothing/here", "", "", "", 404},
	{"an unknown resource", "GET", "/apis/apps/v1/namespaces/NS/nothings", "", "", "", 404},
	{"an unknown media type", "GET", configMapsPath, "", "", "text/csv", 406},
	{"a method that is not allowed", "PUT", configMapsPath, harness.JSON, `{}`, "", 405},
	{"HEAD", "HEAD", configMapsPath + "/a", "", "", "", 405},
	{"discovery", "GET", "/apis/apps/v1", "", "", "", 200},
	{"version", "GET", "/version", "", "", "", 200},
	{"review access", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", harness.JSON, `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"verb":"list","resource":"pods"}}}`, "", 201},
}

// answer is what may be compared of a response.
type answer struct {
	Status  int
	Headers map[string][]string
	Body    string
}

func TestWritesAreTheSame(t *testing.T) {
	server := sharedCluster(t)
	var direct []answer
	eachWay(t, server, func(t *testing.T, w *way) {
		answers := play(t, w, newNamespace(t, server))
		if w.weir == nil {
			direct = answers
			return
		}
		for i, answer := range answers {
			if !reflect.DeepEqual(answer, direct[i]) {
				t.Errorf("%s: straight\n%+v\nand through Weir\n%+v", script[i].name, direct[i], answer)
			}
		}
	})
}

// play runs the script in a namespace of its own.
func play(t *testing.T, w *way, namespace string) []answer {
	t.Helper()
	raw := w.raw(t)
	var answers []answer
	version := "0"
	for _, c := range script {
		fill := strings.NewReplacer("NS", namespace, "RV", version).Replace
		var body io.Reader
		headers := []string{"Accept", c.accept}
		if c.accept == "" {
			headers = []string{"Accept", harness.JSON}
		}
		if c.contentType != "" {
			body = strings.NewReader(fill(c.body))
			headers = append(headers, "Content-Type", c.contentType)
		}
		response, err := raw.Do(context.Background(), c.method, fill(c.path), body, headers...)
		must(t, err)
		content := need(io.ReadAll(response.Body))(t)
		response.Body.Close()
		if response.StatusCode != c.want {
			t.Errorf("%s: status %d and not %d: %s", c.name, response.StatusCode, c.want, content)
		}
		if v := versionIn(content); v != "" {
			version = v
		}
		kept := map[string][]string{}
		for _, name := range []string{"Content-Type", "Cache-Control", "Warning", "Retry-After", "Allow"} {
			if values := response.Header.Values(name); len(values) > 0 {
				kept[name] = values
			}
		}
		answers = append(answers, answer{response.StatusCode, kept, normalised(string(content), namespace)})
	}
	return answers
}

func versionIn(body []byte) string {
	var object struct {
		Metadata struct{ ResourceVersion string }
	}
	if json.Unmarshal(body, &object) != nil {
		return ""
	}
	return object.Metadata.ResourceVersion
}

var (
	uidText  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	timeText = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	ageText  = regexp.MustCompile(`"\d+s"`)
	rvText   = regexp.MustCompile(`(resourceVersion"?: ?"?)\d+`)
)

// normalised takes out what differs between any two runs of the same script.
func normalised(body, namespace string) string {
	body = uidText.ReplaceAllString(body, "UID")
	body = timeText.ReplaceAllString(body, "TIME")
	body = ageText.ReplaceAllString(body, "AGE")
	body = rvText.ReplaceAllString(body, "${1}RV")
	return strings.ReplaceAll(body, namespace, "NS")
}

// Objects as large as the API server takes, and larger.
func TestLargeObjects(t *testing.T) {
	server := sharedCluster(t)
	eachWay(t, server, func(t *testing.T, w *way) {
		namespace, raw := newNamespace(t, server), w.raw(t)
		path := "/api/v1/namespaces/" + namespace + "/configmaps"
		// 1 MiB is a ConfigMap's own limit, 3 MiB the limit of a request body.
		for _, size := range []struct{ bytes, want int }{{1_000_000, 201}, {1_500_000, 422}, {3_500_000, 413}} {
			body := fmt.Sprintf(`{"metadata":{"name":"large-%d"},"data":{"k":%q}}`, size.bytes, strings.Repeat("x", size.bytes))
			response := need(raw.Do(context.Background(), "POST", path, strings.NewReader(body), "Content-Type", harness.JSON))(t)
			content := need(io.ReadAll(response.Body))(t)
			response.Body.Close()
			if response.StatusCode != size.want {
				t.Errorf("%d bytes: status %d and not %d: %.200s", size.bytes, response.StatusCode, size.want, content)
			}
		}
		_, listed, err := raw.Get(context.Background(), path+"?resourceVersion=0", "Accept", harness.JSON)
		must(t, err)
		if !bytes.Contains(listed, []byte(strings.Repeat("x", 1_000_000))) {
			t.Errorf("the list has %d bytes, and not the large object", len(listed))
		}
	})
}
