// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// What kube-apiserver 1.36.3 answered: an object as a watch sends it, and the same object as a
// watch for as=PartialObjectMetadata sends it; lists.

namespace weir::samples {

inline constexpr std::string_view kConfigMap =
    R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"settings","namespace":"tea)"
    R"(m","uid":"dc2975a2-f624-4bf2-b7c5-69db2ee1f15b","resourceVersion":"215","creationTim)"
    R"(estamp":"2026-11-25T13:53:52Z","labels":{"app":"web","tier":""},"annotations":{"empt)"
    R"(y":"","note":"a \u003cb\u003e \u0026 \"c\" \u2028 ü 😀 \\ \n"},"ownerReferences":[{"a)"
    R"(piVersion":"v1","kind":"Pod","name":"p","uid":"11111111-2222-3333-4444-555555555555")"
    R"(,"controller":true,"blockOwnerDeletion":false},{"apiVersion":"apps/v1","kind":"Deplo)"
    R"(yment","name":"d","uid":"11111111-2222-3333-4444-666666666666"}],"finalizers":["exam)"
    R"(ple.com/hold","example.com/b"],"managedFields":[{"manager":"tester","operation":"Upd)"
    R"(ate","apiVersion":"v1","time":"2026-11-25T13:53:52Z","fieldsType":"FieldsV1","fields)"
    R"(V1":{"f:data":{".":{},"f:k":{},"f:metadata":{}},"f:metadata":{"f:annotations":{".":{)"
    R"(},"f:empty":{},"f:note":{}},"f:finalizers":{".":{},"v:\"example.com/b\"":{},"v:\"exa)"
    R"(mple.com/hold\"":{}},"f:labels":{".":{},"f:app":{},"f:tier":{}},"f:ownerReferences":)"
    R"({".":{},"k:{\"uid\":\"11111111-2222-3333-4444-555555555555\"}":{},"k:{\"uid\":\"1111)"
    R"(1111-2222-3333-4444-666666666666\"}":{}}}}}]},"data":{"k":"v","metadata":"no"}})";
inline constexpr std::string_view kConfigMapMetadata =
    R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"se)"
    R"(ttings","namespace":"team","uid":"dc2975a2-f624-4bf2-b7c5-69db2ee1f15b","resourceVer)"
    R"(sion":"215","creationTimestamp":"2026-11-25T13:53:52Z","labels":{"app":"web","tier":)"
    R"(""},"annotations":{"empty":"","note":"a \u003cb\u003e \u0026 \"c\" \u2028 ü 😀 \\ \n")"
    R"(},"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"11111111-2222)"
    R"(-3333-4444-555555555555","controller":true,"blockOwnerDeletion":false},{"apiVersion")"
    R"(:"apps/v1","kind":"Deployment","name":"d","uid":"11111111-2222-3333-4444-66666666666)"
    R"(6"}],"finalizers":["example.com/hold","example.com/b"],"managedFields":[{"manager":")"
    R"(tester","operation":"Update","apiVersion":"v1","time":"2026-11-25T13:53:52Z","fields)"
    R"(Type":"FieldsV1","fieldsV1":{"f:data":{".":{},"f:k":{},"f:metadata":{}},"f:metadata")"
    R"(:{"f:annotations":{".":{},"f:empty":{},"f:note":{}},"f:finalizers":{".":{},"v:\"exam)"
    R"(ple.com/b\"":{},"v:\"example.com/hold\"":{}},"f:labels":{".":{},"f:app":{},"f:tier":)"
    R"({}},"f:ownerReferences":{".":{},"k:{\"uid\":\"11111111-2222-3333-4444-555555555555\")"
    R"(}":{},"k:{\"uid\":\"11111111-2222-3333-4444-666666666666\"}":{}}}}}]}})";

inline constexpr std::string_view kWidget =
    R"({"aaa":{"z":1},"apiVersion":"example.com/v1","kind":"Widget","metadata":{"annotation)"
    R"(s":{"empty":"","note":"a \u003cb\u003e \u0026 \"c\" \u2028 ü 😀 \\ \n"},"creationTime)"
    R"(stamp":"2026-11-25T13:53:55Z","finalizers":["example.com/hold","example.com/b"],"gen)"
    R"(eration":1,"labels":{"app":"web","tier":""},"managedFields":[{"apiVersion":"example.)"
    R"(com/v1","fieldsType":"FieldsV1","fieldsV1":{"f:aaa":{".":{},"f:z":{}},"f:metadata":{)"
    R"("f:annotations":{".":{},"f:empty":{},"f:note":{}},"f:finalizers":{".":{},"v:\"exampl)"
    R"(e.com/b\"":{},"v:\"example.com/hold\"":{}},"f:labels":{".":{},"f:app":{},"f:tier":{})"
    R"(},"f:ownerReferences":{".":{},"k:{\"uid\":\"11111111-2222-3333-4444-555555555555\"}")"
    R"(:{},"k:{\"uid\":\"11111111-2222-3333-4444-666666666666\"}":{}}},"f:spec":{".":{},"f:)"
    R"(list":{},"f:metadata":{".":{},"f:name":{}},"f:size":{}}},"manager":"tester","operati)"
    R"(on":"Update","time":"2026-11-25T13:53:55Z"},{"apiVersion":"example.com/v1","fieldsTy)"
    R"(pe":"FieldsV1","fieldsV1":{"f:status":{".":{},"f:ok":{}}},"manager":"boss","operatio)"
    R"(n":"Update","subresource":"status","time":"2026-11-25T13:53:56Z"}],"name":"w1","name)"
    R"(space":"team","ownerReferences":[{"apiVersion":"v1","blockOwnerDeletion":false,"cont)"
    R"(roller":true,"kind":"Pod","name":"p","uid":"11111111-2222-3333-4444-555555555555"},{)"
    R"("apiVersion":"apps/v1","kind":"Deployment","name":"d","uid":"11111111-2222-3333-4444)"
    R"(-666666666666"}],"resourceVersion":"226","uid":"3bdbff8a-f7c5-489b-83b8-fcb823ced588)"
    R"("},"spec":{"list":[{"name":"x\u003cy"}],"metadata":{"name":"no"},"size":1},"status":)"
    R"({"ok":true}})";
inline constexpr std::string_view kWidgetMetadata =
    R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"w1)"
    R"(","namespace":"team","uid":"3bdbff8a-f7c5-489b-83b8-fcb823ced588","resourceVersion":)"
    R"("226","generation":1,"creationTimestamp":"2026-11-25T13:53:55Z","labels":{"app":"web)"
    R"(","tier":""},"annotations":{"empty":"","note":"a \u003cb\u003e \u0026 \"c\" \u2028 ü)"
    R"( 😀 \\ \n"},"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"1111)"
    R"(1111-2222-3333-4444-555555555555","controller":true,"blockOwnerDeletion":false},{"ap)"
    R"(iVersion":"apps/v1","kind":"Deployment","name":"d","uid":"11111111-2222-3333-4444-66)"
    R"(6666666666"}],"finalizers":["example.com/hold","example.com/b"],"managedFields":[{"m)"
    R"(anager":"tester","operation":"Update","apiVersion":"example.com/v1","time":"2026-11-)"
    R"(25T13:53:55Z","fieldsType":"FieldsV1","fieldsV1":{"f:aaa":{".":{},"f:z":{}},"f:metad)"
    R"(ata":{"f:annotations":{".":{},"f:empty":{},"f:note":{}},"f:finalizers":{".":{},"v:\")"
    R"(example.com/b\"":{},"v:\"example.com/hold\"":{}},"f:labels":{".":{},"f:app":{},"f:ti)"
    R"(er":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"11111111-2222-3333-4444-5555555555)"
    R"(55\"}":{},"k:{\"uid\":\"11111111-2222-3333-4444-666666666666\"}":{}}},"f:spec":{".":)"
    R"({},"f:list":{},"f:metadata":{".":{},"f:name":{}},"f:size":{}}}},{"manager":"boss","o)"
    R"(peration":"Update","apiVersion":"example.com/v1","time":"2026-11-25T13:53:56Z","fiel)"
    R"(dsType":"FieldsV1","fieldsV1":{"f:status":{".":{},"f:ok":{}}},"subresource":"status")"
    R"(}]}})";

inline constexpr std::string_view kDyingWidget =
    R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"creationTimestamp":"2026)"
    R"(-11-25T13:53:56Z","deletionGracePeriodSeconds":0,"deletionTimestamp":"2026-11-25T13:)"
    R"(53:56Z","finalizers":["example.com/x"],"generation":2,"managedFields":[{"apiVersion")"
    R"(:"example.com/v1","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:finalizers":{)"
    R"(".":{},"v:\"example.com/x\"":{}}}},"manager":"weir-test","operation":"Update","time")"
    R"(:"2026-11-25T13:53:56Z"}],"name":"dying","namespace":"team","resourceVersion":"229",)"
    R"("uid":"162dd796-ce3c-4d56-9a9e-3358e54ff08a"}})";
inline constexpr std::string_view kDyingWidgetMetadata =
    R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"dy)"
    R"(ing","namespace":"team","uid":"162dd796-ce3c-4d56-9a9e-3358e54ff08a","resourceVersio)"
    R"(n":"229","generation":2,"creationTimestamp":"2026-11-25T13:53:56Z","deletionTimestam)"
    R"(p":"2026-11-25T13:53:56Z","deletionGracePeriodSeconds":0,"finalizers":["example.com/)"
    R"(x"],"managedFields":[{"manager":"weir-test","operation":"Update","apiVersion":"examp)"
    R"(le.com/v1","time":"2026-11-25T13:53:56Z","fieldsType":"FieldsV1","fieldsV1":{"f:meta)"
    R"(data":{"f:finalizers":{".":{},"v:\"example.com/x\"":{}}}}}]}})";

inline constexpr std::string_view kGeneratedWidget =
    R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"creationTimestamp":"2026)"
    R"(-11-25T13:53:55Z","generateName":"gen-","generation":1,"managedFields":[{"apiVersion)"
    R"(":"example.com/v1","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:generateName)"
    R"(":{}},"f:spec":{".":{},"f:size":{}}},"manager":"weir-test","operation":"Update","tim)"
    R"(e":"2026-11-25T13:53:55Z"}],"name":"gen-k4fp7","namespace":"team","resourceVersion":)"
    R"("224","uid":"b20c2a73-a7bd-438e-bb0b-d06b8576a4f4"},"spec":{"size":1.5}})";
inline constexpr std::string_view kGeneratedWidgetMetadata =
    R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"ge)"
    R"(n-k4fp7","generateName":"gen-","namespace":"team","uid":"b20c2a73-a7bd-438e-bb0b-d06)"
    R"(b8576a4f4","resourceVersion":"224","generation":1,"creationTimestamp":"2026-11-25T13)"
    R"(:53:55Z","managedFields":[{"manager":"weir-test","operation":"Update","apiVersion":")"
    R"(example.com/v1","time":"2026-11-25T13:53:55Z","fieldsType":"FieldsV1","fieldsV1":{"f)"
    R"(:metadata":{"f:generateName":{}},"f:spec":{".":{},"f:size":{}}}}]}})";

inline constexpr std::string_view kGear =
    R"({"apiVersion":"example.com/v1","kind":"Gear","metadata":{"creationTimestamp":"2026-1)"
    R"(1-25T13:53:56Z","generation":1,"name":"g1","resourceVersion":"230","uid":"2b87f395-7)"
    R"(593-45c5-8532-26d3aaf14da3"}})";
inline constexpr std::string_view kGearMetadata =
    R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"g1)"
    R"(","uid":"2b87f395-7593-45c5-8532-26d3aaf14da3","resourceVersion":"230","generation":)"
    R"(1,"creationTimestamp":"2026-11-25T13:53:56Z"}})";

inline constexpr std::string_view kConfigMapHex =
    "6b3873000a0f0a0276311209436f6e6669674d6170128e020a83020a02633112001a047465616d22002a246366"
    "3835396165652d643162632d343037662d616636322d36626134376539383730383132033333373800420808bc"
    "d39bd80610005a0a0a03617070120377656262060a016112013162060a01621201328a019e010a017412065570"
    "646174651a027631220808bcd39bd806100032084669656c647356313a770a757b22663a64617461223a7b222e"
    "223a7b7d2c22663a6b223a7b7d7d2c22663a6d65746164617461223a7b22663a616e6e6f746174696f6e73223a"
    "7b222e223a7b7d2c22663a61223a7b7d2c22663a62223a7b7d7d2c22663a6c6162656c73223a7b222e223a7b7d"
    "2c22663a617070223a7b7d7d7d7d420012060a016b1201761a002200";
inline constexpr std::string_view kConfigMapMetadataHex =
    "6b3873000a270a0e6d6574612e6b38732e696f2f763112155061727469616c4f626a6563744d65746164617461"
    "1286020a83020a02633112001a047465616d22002a2463663835396165652d643162632d343037662d61663632"
    "2d36626134376539383730383132033333373800420808bcd39bd80610005a0a0a03617070120377656262060a"
    "016112013162060a01621201328a019e010a017412065570646174651a027631220808bcd39bd8061000320846"
    "69656c647356313a770a757b22663a64617461223a7b222e223a7b7d2c22663a6b223a7b7d7d2c22663a6d6574"
    "6164617461223a7b22663a616e6e6f746174696f6e73223a7b222e223a7b7d2c22663a61223a7b7d2c22663a62"
    "223a7b7d7d2c22663a6c6162656c73223a7b222e223a7b7d2c22663a617070223a7b7d7d7d7d42001a002200";

inline constexpr std::string_view kMetadataList =
    R"({"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resou)"
    R"(rceVersion":"294"},"items":[{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.i)"
    R"(o/v1","metadata":{"name":"g1","uid":"2b87f395-7593-45c5-8532-26d3aaf14da3","resource)"
    R"(Version":"230","generation":1,"creationTimestamp":"2026-11-25T13:53:56Z"}}]})";
inline constexpr std::string_view kEmptyMetadataList =
    R"({"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resou)"
    R"(rceVersion":"292"},"items":null})";
inline constexpr std::string_view kMetadataListHex =
    "6b3873000a2b0a0e6d6574612e6b38732e696f2f763112195061727469616c4f626a6563744d65746164617461"
    "4c69737412500a090a0012033239341a0012430a410a02673112001a0022002a2432623837663339352d373539"
    "332d343563352d383533322d32366433616166313464613332033233303801420808f4d09bd80610001a002200";
inline constexpr std::string_view kEmptyMetadataListHex =
    "6b3873000a2b0a0e6d6574612e6b38732e696f2f763112195061727469616c4f626a6563744d65746164617461"
    "4c697374120b0a090a0012033239321a001a002200";

// Streams of a Gear as PartialObjectMetadata: ADDED, then the bookmark after the initial events.
inline constexpr std::string_view kMetadataWatch =
    R"({"type":"ADDED","object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v)"
    R"(1","metadata":{"name":"g1","uid":"2b87f395-7593-45c5-8532-26d3aaf14da3","resourceVer)"
    R"(sion":"230","generation":1,"creationTimestamp":"2026-11-25T13:53:56Z"}}})"
    "\n"
    R"({"type":"BOOKMARK","object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.i)"
    R"(o/v1","metadata":{"resourceVersion":"294","annotations":{"k8s.io/initial-events-end")"
    R"(:"true"}}}})"
    "\n";
inline constexpr std::string_view kMetadataWatchHex =
    "000000810a05414444454412780a766b3873000a270a0e6d6574612e6b38732e696f2f76311215506172746961"
    "6c4f626a6563744d6574616461746112430a410a02673112001a0022002a2432623837663339352d373539332d"
    "343563352d383533322d32366433616166313464613332033233303801420808f4d09bd80610001a0022000000"
    "00790a08424f4f4b4d41524b126d0a6b6b3873000a270a0e6d6574612e6b38732e696f2f763112155061727469"
    "616c4f626a6563744d6574616461746112380a360a0012001a0022002a0032033239343800420062210a196b38"
    "732e696f2f696e697469616c2d6576656e74732d656e641204747275651a002200";

}  // namespace weir::samples
