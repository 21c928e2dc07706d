// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// listVersion is metadata.resourceVersion of a list of any kind, in JSON or
// protobuf; empty if it has none.
func listVersion(body []byte) string {
	if !bytes.HasPrefix(body, []byte("k8s\x00")) {
		var list struct{ Metadata metav1.ListMeta }
		if json.Unmarshal(body, &list) != nil {
			return ""
		}
		return list.Metadata.ResourceVersion
	}
	var envelope runtime.Unknown
	if envelope.Unmarshal(body[4:]) != nil {
		return ""
	}
	// Every list has its ListMeta in field 1 and its items in field 2, so the
	// metadata of a list of anything reads as that of a list of metadata.
	var list metav1.PartialObjectMetadataList
	head := firstField(envelope.Raw)
	if head == nil || list.ListMeta.Unmarshal(head) != nil {
		return ""
	}
	return list.ListMeta.ResourceVersion
}

// firstField returns the content of field 1 if a message begins with it.
func firstField(message []byte) []byte {
	const lengthDelimitedField1 = 0x0a
	if len(message) < 2 || message[0] != lengthDelimitedField1 {
		return nil
	}
	length, shift, i := 0, 0, 1
	for ; i < len(message); i++ {
		length |= int(message[i]&0x7f) << shift
		shift += 7
		if message[i] < 0x80 {
			break
		}
	}
	if i+1+length > len(message) {
		return nil
	}
	return message[i+1 : i+1+length]
}
