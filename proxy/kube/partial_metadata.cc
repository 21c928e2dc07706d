// SPDX-License-Identifier: Apache-2.0
//
// What the API server answers is made of its own form of the object, before that is converted to
// the version that was asked for (apiserver handlers/response.go asPartialObjectMetadata).
#include "proxy/kube/partial_metadata.h"

#include <string>
#include <utility>

#include "proxy/base/strings.h"
#include "proxy/kube/meta_facts.h"
#include "proxy/kube/object_meta_json.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

// A kind of which the conversion writes annotations that are not the object's own (kubernetes
// pkg/apis/*/*/conversion.go).
struct ConvertedKind {
  std::string_view api_version, kind;
  std::string_view group, version, resource;
  std::string_view annotation;  // What their keys begin with.
  bool always;                  // Every object has one, or nearly.
};
constexpr ConvertedKind kConvertedKinds[] = {
    {"apps/v1", "DaemonSet", "apps", "v1", "daemonsets", "deprecated.daemonset.template.generation",
     true},
    {"apps/v1", "Deployment", "apps", "v1", "deployments", "deprecated.deployment.rollback.to",
     false},
    {"autoscaling/v1", "HorizontalPodAutoscaler", "autoscaling", "v1", "horizontalpodautoscalers",
     "autoscaling.alpha.kubernetes.io/", true},
    {"flowcontrol.apiserver.k8s.io/v1beta3", "PriorityLevelConfiguration",
     "flowcontrol.apiserver.k8s.io", "v1beta3", "prioritylevelconfigurations",
     "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares", false},
};

// Whether such an annotation may be in `metadata`. Wherever it stands there: rather once too often.
bool MayBeConverted(const Object& object, std::string_view metadata) {
  for (const ConvertedKind& converted : kConvertedKinds) {
    if (converted.kind == object.kind() && converted.api_version == object.api_version()) {
      return metadata.find(converted.annotation) != std::string_view::npos;
    }
  }
  return false;
}

ObjectPtr Parse(Representation representation, std::string raw) {
  auto object = Object::Parse(representation, std::move(raw));
  return object.ok() ? *std::move(object) : nullptr;
}

ObjectPtr FromProtobuf(const Object& object) {
  const std::string_view metadata = MetadataBytes(object);
  if (MayBeConverted(object, metadata)) return nullptr;
  constexpr uint32_t kRaw = 2;
  std::string out = ProtobufEnvelopeHead(kPartialMetadataApiVersion, kPartialMetadataKind);
  const size_t size = BytesFieldSize(1, metadata.size());
  out.reserve(out.size() + BytesFieldSize(kRaw, size) + kProtobufUnknownTail.size());
  AppendBytesHeader(out, kRaw, size);
  AppendBytesField(out, 1, metadata);
  out.append(kProtobufUnknownTail);
  return Parse(Representation::kProtobuf, std::move(out));
}

ObjectPtr FromJson(const Object& object) {
  constexpr std::string_view kHead =
      R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":)";
  const std::string_view metadata = MetadataBytes(object);
  std::string out;
  out.reserve(kHead.size() + metadata.size() + 1);
  out.append(kHead);
  if (object.raw().starts_with(R"({"kind":)")) {  // Encoded from a Go type.
    if (MayBeConverted(object, metadata)) return nullptr;
    out.append(metadata);
  } else if (!AppendObjectMeta(metadata, out)) {
    return nullptr;
  }
  out.push_back('}');
  return Parse(Representation::kJson, std::move(out));
}

}  // namespace

ListEnvelope PartialMetadataListEnvelope() {
  return {.api_version = std::string(kPartialMetadataApiVersion),
          .list_kind = StrCat(kPartialMetadataKind, "List"),
          .custom_resource = false};
}

bool DerivesPartialMetadata(const GroupVersionResource& resource) {
  for (const ConvertedKind& converted : kConvertedKinds) {
    if (converted.always && converted.resource == resource.resource &&
        converted.group == resource.group && converted.version == resource.version) {
      return false;
    }
  }
  return true;
}

ObjectPtr ToPartialMetadata(const Object& object) {
  return object.representation() == Representation::kProtobuf ? FromProtobuf(object)
                                                              : FromJson(object);
}

}  // namespace weir
