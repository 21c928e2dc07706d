// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"net/url"
	"strings"
)

// Resource is a kind of object.
type Resource struct {
	Name, Group, Kind, APIVersion string
	Custom                        bool // its JSON is the same in lists and watches; it has no protobuf
}

var (
	ConfigMaps = Resource{Name: "configmaps", Kind: "ConfigMap", APIVersion: "v1"}
	Pods       = Resource{Name: "pods", Kind: "Pod", APIVersion: "v1"}
	Foos       = Resource{Name: "foos", Group: "samplecontroller.k8s.io", Kind: "Foo",
		APIVersion: "samplecontroller.k8s.io/v1alpha1", Custom: true}
)

// Namespaces are where the writers write. A "-" sorts before the "/" that ends the shorter name.
var Namespaces = []string{"diff", "diff-a", "diff-b"}

// Scope is which objects are watched.
type Scope struct {
	Resource  Resource
	Namespace string // empty: all
	Labels    string
	Fields    string
}

// Scopes are those of the run.
var Scopes = []Scope{
	{Resource: ConfigMaps},
	{Resource: ConfigMaps, Namespace: "diff"},
	{Resource: ConfigMaps, Labels: "color=red"},
	{Resource: ConfigMaps, Namespace: "diff-a", Labels: "color in (red,blue),!hidden"},
	{Resource: ConfigMaps, Fields: "metadata.name=object-03"},
	{Resource: ConfigMaps, Fields: "metadata.namespace=diff-b", Labels: "color!=red"},
	{Resource: Foos},
	{Resource: Foos, Namespace: "diff-a"},
	{Resource: Foos, Labels: "color notin (red)"},
	{Resource: Pods},
	{Resource: Pods, Fields: "spec.nodeName=node-1"},
	{Resource: Pods, Fields: "status.phase=Running"},
	{Resource: Pods, Namespace: "diff", Fields: "status.phase!=Running,spec.nodeName!=node-1"},
	{Resource: Pods, Namespace: "diff-b", Labels: "color"},
}

// Shapes are all in which a resource can be had.
func (r Resource) Shapes() []Shape {
	shapes := []Shape{{r, false, false}, {r, false, true}, {r, true, true}}
	if !r.Custom {
		shapes = append(shapes, Shape{r, true, false})
	}
	return shapes
}

// Path is without a query.
func (s Scope) Path() string {
	path := "/api/v1"
	if s.Resource.Group != "" {
		path = "/apis/" + s.Resource.APIVersion
	}
	if s.Namespace != "" {
		path += "/namespaces/" + s.Namespace
	}
	return path + "/" + s.Resource.Name
}

// URL is the path with the selectors and more, given as name, value, name, value.
func (s Scope) URL(query ...string) string {
	values := url.Values{}
	if s.Labels != "" {
		values.Set("labelSelector", s.Labels)
	}
	if s.Fields != "" {
		values.Set("fieldSelector", s.Fields)
	}
	for i := 0; i+1 < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	return s.Path() + "?" + values.Encode()
}

func (s Scope) String() string {
	parts := []string{strings.TrimPrefix(s.Path(), "/")}
	for _, selector := range []string{s.Labels, s.Fields} {
		if selector != "" {
			parts = append(parts, selector)
		}
	}
	return strings.Join(parts, " ")
}
