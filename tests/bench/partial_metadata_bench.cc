// SPDX-License-Identifier: Apache-2.0

// What a narrower reader costs per object: its PartialObjectMetadata, and whether a field selector
// matches. Objects are of the size of real ones: metadata of 1.1 KB, 4 KB in all.

#include <string>

#include <benchmark/benchmark.h>

#include "proxy/base/check.h"
#include "proxy/base/strings.h"
#include "proxy/kube/field_matcher.h"
#include "proxy/kube/partial_metadata.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

constexpr std::string_view kFields =
    R"({"f:metadata":{"f:annotations":{".":{},"f:note":{}},"f:labels":{".":{},"f:app":{}}},"f:spec":)"
    R"({"f:containers":{"k:{\"name\":\"main\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},)"
    R"("f:name":{},"f:resources":{},"f:terminationMessagePath":{}}},"f:dnsPolicy":{}}})";

std::string Padding() { return StrCat(R"("padding":")", std::string(2900, 'x'), "\""); }

// As the API server writes a built-in kind, and a custom resource.
std::string BuiltInJson() {
  return StrCat(
      R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"web-6d5f7c8b9-abcde",)"
      R"("generateName":"web-6d5f7c8b9-","namespace":"team","uid":"c5e8c2d4-4b1c-4b8e-9d1a-3f0a1b2c3d4e",)"
      R"("resourceVersion":"1234567","generation":3,"creationTimestamp":"2026-08-01T10:00:00Z",)"
      R"("labels":{"app":"web","tier":"front"},"annotations":{"note":"a text of some words"},)"
      R"("ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-6d5f7c8b9",)"
      R"("uid":"c5e8c2d4-4b1c-4b8e-9d1a-3f0a1b2c3d4f","controller":true}],"managedFields":)"
      R"([{"manager":"kubectl","operation":"Update","apiVersion":"v1","time":"2026-08-01T10:00:00Z",)"
      R"("fieldsType":"FieldsV1","fieldsV1":)",
      kFields, R"(}]},"spec":{)", Padding(),
      R"(,"nodeName":"node-7"},"status":{"phase":"Running"}})");
}

std::string CustomJson() {
  return StrCat(
      R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"annotations":)"
      R"({"note":"a text of some words"},"creationTimestamp":"2026-08-01T10:00:00Z",)"
      R"("generateName":"web-6d5f7c8b9-","generation":3,"labels":{"app":"web","tier":"front"},)"
      R"("managedFields":[{"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":)",
      kFields,
      R"(,"manager":"kubectl","operation":"Update","time":"2026-08-01T10:00:00Z"}],)"
      R"("name":"web-6d5f7c8b9-abcde","namespace":"team","ownerReferences":[{"apiVersion":"apps/v1",)"
      R"("controller":true,"kind":"ReplicaSet","name":"web-6d5f7c8b9",)"
      R"("uid":"c5e8c2d4-4b1c-4b8e-9d1a-3f0a1b2c3d4f"}],"resourceVersion":"1234567",)"
      R"("uid":"c5e8c2d4-4b1c-4b8e-9d1a-3f0a1b2c3d4e"},"spec":{)",
      Padding(), "}}");
}

std::string Protobuf() {
  std::string metadata;
  AppendBytesField(metadata, 1, "web-6d5f7c8b9-abcde");
  AppendBytesField(metadata, 3, "team");
  AppendBytesField(metadata, 5, "c5e8c2d4-4b1c-4b8e-9d1a-3f0a1b2c3d4e");
  AppendBytesField(metadata, 6, "1234567");
  AppendBytesField(metadata, 17, std::string(900, 'x'));
  std::string spec;
  AppendBytesField(spec, 2, std::string(2900, 'x'));
  AppendBytesField(spec, 10, "node-7");
  std::string status;
  AppendBytesField(status, 1, "Running");
  std::string message;
  AppendBytesField(message, 1, metadata);
  AppendBytesField(message, 2, spec);
  AppendBytesField(message, 3, status);
  std::string out = ProtobufEnvelopeHead("v1", "Pod");
  AppendBytesField(out, 2, message);
  return out.append(kProtobufUnknownTail);
}

ObjectPtr Make(Representation representation, std::string raw) {
  auto object = Object::Parse(representation, std::move(raw));
  WEIR_CHECK(object.ok());
  return *std::move(object);
}

void Derive(benchmark::State& state, Representation representation, const std::string& raw) {
  const ObjectPtr object = Make(representation, raw);
  WEIR_CHECK(ToPartialMetadata(*object) != nullptr);
  for (auto _ : state) benchmark::DoNotOptimize(ToPartialMetadata(*object));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * raw.size()));
}
BENCHMARK_CAPTURE(Derive, json, Representation::kJson, BuiltInJson());
BENCHMARK_CAPTURE(Derive, json_custom_resource, Representation::kJson, CustomJson());
BENCHMARK_CAPTURE(Derive, protobuf, Representation::kProtobuf, Protobuf());

// For comparison: what it costs to read the whole object once.
void Parse(benchmark::State& state, Representation representation, const std::string& raw) {
  for (auto _ : state) benchmark::DoNotOptimize(Object::Parse(representation, raw));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * raw.size()));
}
BENCHMARK_CAPTURE(Parse, json, Representation::kJson, BuiltInJson());
BENCHMARK_CAPTURE(Parse, json_custom_resource, Representation::kJson, CustomJson());
BENCHMARK_CAPTURE(Parse, protobuf, Representation::kProtobuf, Protobuf());

void Match(benchmark::State& state, Representation representation, const std::string& raw,
           const char* selector) {
  const ObjectPtr object = Make(representation, raw);
  const auto matcher =
      FieldMatcher::For({"", "v1", "pods"}, FieldSelector::Parse(selector).value(), false);
  WEIR_CHECK(matcher.has_value() && matcher->Matches(*object));
  for (auto _ : state) benchmark::DoNotOptimize(matcher->Matches(*object));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(Match, json_name, Representation::kJson, BuiltInJson(),
                  "metadata.name=web-6d5f7c8b9-abcde");
BENCHMARK_CAPTURE(Match, json_node, Representation::kJson, BuiltInJson(), "spec.nodeName=node-7");
BENCHMARK_CAPTURE(Match, json_two, Representation::kJson, BuiltInJson(),
                  "spec.nodeName=node-7,status.phase!=Failed");
BENCHMARK_CAPTURE(Match, protobuf_node, Representation::kProtobuf, Protobuf(),
                  "spec.nodeName=node-7");
BENCHMARK_CAPTURE(Match, protobuf_two, Representation::kProtobuf, Protobuf(),
                  "spec.nodeName=node-7,status.phase!=Failed");

}  // namespace
}  // namespace weir

BENCHMARK_MAIN();
