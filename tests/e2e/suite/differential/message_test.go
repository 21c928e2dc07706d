// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

func configMap(version, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "a", UID: "ua", ResourceVersion: version,
			Labels: map[string]string{"name": "not this", "uid": "nor this"}},
		Data: map[string]string{"resourceVersion": "77", "quoted": `"}]\`, "value": value},
	}
}

// In a watch and in a list, as JSON and as protobuf, as the API server's own code writes them.
func encodings(t *testing.T, o *corev1.ConfigMap) (events map[bool]Event, items map[bool]Object) {
	t.Helper()
	events, items = map[bool]Event{}, map[bool]Object{}
	list := &corev1.ConfigMapList{TypeMeta: metav1.TypeMeta{Kind: "ConfigMapList", APIVersion: "v1"},
		ListMeta: metav1.ListMeta{ResourceVersion: "99"}, Items: []corev1.ConfigMap{*o}}
	list.Items[0].TypeMeta = metav1.TypeMeta{}
	for _, binary := range []bool{false, true} {
		shape := Shape{Resource: ConfigMaps, Protobuf: binary}
		var buffer []byte
		event, err := shape.ReadEvent(bufio.NewReader(bytes.NewReader(frameOf(t, binary, o))), &buffer)
		if err != nil {
			t.Fatal(err)
		}
		version, objects, err := shape.ParseList(encode(t, binary, list))
		if err != nil || version != 99 || len(objects) != 1 {
			t.Fatal(version, objects, err)
		}
		events[binary], items[binary] = event, objects[0]
	}
	return events, items
}

func encode(t *testing.T, binary bool, o runtime.Object) []byte {
	t.Helper()
	var out bytes.Buffer
	var encoder runtime.Encoder = protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	if !binary {
		info, _ := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), "application/json")
		encoder = info.Serializer
	}
	if err := encoder.Encode(o, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func frameOf(t *testing.T, asProtobuf bool, o runtime.Object) []byte {
	t.Helper()
	object := encode(t, asProtobuf, o)
	if !asProtobuf {
		return []byte(`{"type":"DELETED","object":` + strings.TrimSpace(string(object)) + "}\n")
	}
	message, err := (&metav1.WatchEvent{Type: "DELETED", Object: runtime.RawExtension{Raw: object}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)
}

func TestMessages(t *testing.T) {
	events, items := encodings(t, configMap("5", "x"))
	longer, _ := encodings(t, configMap("1234567", "x"))
	other, _ := encodings(t, configMap("5", "y"))
	for _, binary := range []bool{false, true} {
		e, item := events[binary], items[binary]
		if e.Type != Deleted || e.Key != "n/a" || e.UID != "ua" || e.Version != 5 {
			t.Errorf("protobuf %v: %v", binary, e)
		}
		if item.Key != e.Key || item.UID != e.UID || item.Version != e.Version {
			t.Errorf("protobuf %v: in a list it is %v", binary, item)
		}
		if item.Content != e.Content || item.Timeless != e.Timeless {
			t.Errorf("protobuf %v: the object of a list is not taken for that of a watch", binary)
		}
		if l := longer[binary]; l.Content == e.Content || l.Timeless != e.Timeless || l.Version != 1234567 {
			t.Errorf("protobuf %v: another version changes what it should not, or not what it should", binary)
		}
		if o := other[binary]; o.Content == e.Content || o.Timeless == e.Timeless {
			t.Errorf("protobuf %v: other content is not seen", binary)
		}
	}
}

func TestBookmarksAndErrors(t *testing.T) {
	end := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{
		ResourceVersion: "9", Annotations: map[string]string{"k8s.io/initial-events-end": "true"}}}
	status := &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Code: 410, Message: "too old"}
	for _, binary := range []bool{false, true} {
		shape := Shape{Resource: ConfigMaps, Protobuf: binary}
		read := func(kind string, o runtime.Object) Event {
			text := bytes.Replace(frameOf(t, binary, o), []byte("DELETED"), []byte(kind), 1)
			if binary && len(kind) != len("DELETED") { // the lengths that precede it
				message, _ := (&metav1.WatchEvent{Type: kind, Object: runtime.RawExtension{Raw: encode(t, binary, o)}}).Marshal()
				text = append([]byte{0, 0, byte(len(message) >> 8), byte(len(message))}, message...)
			}
			var buffer []byte
			e, err := shape.ReadEvent(bufio.NewReader(bytes.NewReader(text)), &buffer)
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		if e := read("BOOKMARK", end); e.Type != Bookmark || e.Version != 9 || !e.InitialEnd {
			t.Errorf("protobuf %v: %v", binary, e)
		}
		end.Annotations["k8s.io/initial-events-end"] = "false"
		if e := read("BOOKMARK", configMap("9", "")); e.Type != Bookmark || e.InitialEnd {
			t.Errorf("protobuf %v: %v", binary, e)
		}
		end.Annotations["k8s.io/initial-events-end"] = "true"
		if e := read("ERROR", status); e.Type != Error || e.Code != 410 || e.Message != "too old" {
			t.Errorf("protobuf %v: %v", binary, e)
		}
	}
}

func TestTornMessages(t *testing.T) {
	for _, binary := range []bool{false, true} {
		shape := Shape{Resource: ConfigMaps, Protobuf: binary}
		whole := frameOf(t, binary, configMap("5", "x"))
		for length := range len(whole) {
			var buffer []byte
			_, err := shape.ReadEvent(bufio.NewReader(bytes.NewReader(whole[:length])), &buffer)
			if (length == 0) != (err == io.EOF) || err == nil {
				t.Fatalf("protobuf %v: %d bytes of %d: %v", binary, length, len(whole), err)
			}
		}
	}
	body := encode(t, false, &corev1.ConfigMapList{ListMeta: metav1.ListMeta{ResourceVersion: "9"}, Items: []corev1.ConfigMap{*configMap("5", "")}})
	for length := range len(body) - 1 {
		if _, _, err := (Shape{Resource: ConfigMaps}).ParseList(body[:length]); err == nil {
			t.Fatalf("%d bytes of a list of %d are taken for a list", length, len(body))
		}
	}
}
