// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/changed_paths.h"
#include "proxy/kube/object_fields.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

constexpr uint32_t kMetadata = 1;
constexpr uint32_t kResourceVersion = 6, kManagedFields = 17;
constexpr uint32_t kLabels = 11, kAnnotations = 12;

// Of metav1.ObjectMeta, from number 0.
constexpr std::array<std::string_view, 18> kMetaNames = {"",
                                                         "name",
                                                         "generateName",
                                                         "namespace",
                                                         "selfLink",
                                                         "uid",
                                                         "resourceVersion",
                                                         "generation",
                                                         "creationTimestamp",
                                                         "deletionTimestamp",
                                                         "deletionGracePeriodSeconds",
                                                         "labels",
                                                         "annotations",
                                                         "ownerReferences",
                                                         "finalizers",
                                                         "",
                                                         "",
                                                         "managedFields"};

// The built-in kinds whose fields 2, 3, ... are not spec and status, by the generated.proto files
// of k8s.io/api 0.36, in every version that is still served. Event is not one that is ever cached.
struct KindFields {
  std::string_view kind;
  std::array<std::string_view, 7> names;  // From number 2.
};
constexpr KindFields kOtherKinds[] = {
    {"CSIStorageCapacity", {"nodeTopology", "storageClassName", "capacity", "maximumVolumeSize"}},
    {"ClusterRole", {"rules", "aggregationRule"}},
    {"ClusterRoleBinding", {"subjects", "roleRef"}},
    {"ConfigMap", {"data", "binaryData", "immutable"}},
    {"ControllerRevision", {"data", "revision"}},
    {"EndpointSlice", {"endpoints", "ports", "addressType"}},
    {"Endpoints", {"subsets"}},
    {"MutatingWebhookConfiguration", {"webhooks"}},
    {"PodTemplate", {"template"}},
    {"PriorityClass", {"value", "globalDefault", "description", "preemptionPolicy"}},
    {"Role", {"rules"}},
    {"RoleBinding", {"subjects", "roleRef"}},
    {"RuntimeClass", {"handler", "overhead", "scheduling"}},
    {"Secret", {"data", "type", "stringData", "immutable"}},
    {"ServiceAccount", {"secrets", "imagePullSecrets", "automountServiceAccountToken"}},
    {"StorageClass",
     {"provisioner", "parameters", "reclaimPolicy", "mountOptions", "allowVolumeExpansion",
      "volumeBindingMode", "allowedTopologies"}},
    {"ValidatingWebhookConfiguration", {"webhooks"}},
    {"VolumeAttributesClass", {"driverName", "parameters"}},
};
constexpr KindFields kUsualKind = {"", {"spec", "status"}};

constexpr KindFields kUnknownKind = {"", {}};

// Aggregated API servers have groups of other names, and kinds of the same.
bool IsBuiltIn(std::string_view api_version) {
  const std::string_view group = api_version.substr(0, api_version.find('/'));
  return group.find('.') == std::string_view::npos || group.ends_with(".k8s.io");
}

const KindFields& FieldsOf(std::string_view api_version, std::string_view kind) {
  if (!IsBuiltIn(api_version)) return kUnknownKind;
  const auto* const other = std::find_if(std::begin(kOtherKinds), std::end(kOtherKinds),
                                         [kind](const KindFields& k) { return k.kind == kind; });
  return other == std::end(kOtherKinds) ? kUsualKind : *other;
}

std::string NameOf(const KindFields& kind, uint32_t field) {
  if (field == kMetadata) return "metadata";
  const size_t index = field - 2;
  const bool known = field >= 2 && index < kind.names.size() && !kind.names[index].empty();
  return known ? std::string(kind.names[index]) : StrCat("field ", field);
}

std::string MetaNameOf(uint32_t field) {
  const bool known = field < kMetaNames.size() && !kMetaNames[field].empty();
  return known ? std::string(kMetaNames[field]) : StrCat("field ", field);
}

// By its number, all bytes of each field in the order in which they stand there, tags included.
// The same field may come several times: it is repeated, or a map.
using Fields = std::map<uint32_t, std::string>;

bool ReadFields(std::string_view message, Fields& fields) {
  ProtobufReader reader(message);
  while (reader.Next()) {
    fields[reader.field()].append(message.substr(reader.begin(), reader.end() - reader.begin()));
  }
  return reader.ok();
}

// A map<string, string>: the value of each key.
using Entries = std::map<std::string_view, std::string_view>;

bool ReadEntries(std::string_view field, Entries& entries) {
  ProtobufReader reader(field);
  while (reader.Next()) {
    if (!reader.is_bytes()) return false;
    std::string_view key;
    std::string_view value;
    ProtobufReader entry(reader.bytes());
    while (entry.Next()) {
      if (entry.field() == 1 && entry.is_bytes()) key = entry.bytes();
      if (entry.field() == 2 && entry.is_bytes()) value = entry.bytes();
    }
    if (!entry.ok()) return false;
    entries[key] = value;
  }
  return reader.ok();
}

// Calls `visit` with the keys whose values differ, or that only one of them has.
template <typename Map, typename Visit>
void ForEachDifference(const Map& before, const Map& after, Visit visit) {
  auto a = before.begin();
  auto b = after.begin();
  while (a != before.end() || b != after.end()) {
    const bool has_a = a != before.end() && (b == after.end() || a->first <= b->first);
    const bool has_b = b != after.end() && (a == before.end() || b->first <= a->first);
    if (!has_a || !has_b || a->second != b->second) visit(has_a ? a->first : b->first);
    if (has_a) ++a;
    if (has_b) ++b;
  }
}

// Its methods return false where the bytes make no sense.
class Comparison {
 public:
  bool Compare(std::string_view before, std::string_view after, const KindFields& kind) {
    Fields a;
    Fields b;
    if (!ReadFields(before, a) || !ReadFields(after, b)) return false;
    bool ok = true;
    ForEachDifference(a, b, [&](uint32_t field) {
      if (field == kMetadata && a.contains(field) && b.contains(field)) {
        ok = ok && CompareMetadata(a[field], b[field]);
      } else {
        paths_.push_back(NameOf(kind, field));
      }
    });
    return ok;
  }

  ChangedPaths Take() {
    std::sort(paths_.begin(), paths_.end());
    ChangedPaths changed;
    changed.more = paths_.size() > ChangedPaths::kMaxPaths;
    if (changed.more) paths_.resize(ChangedPaths::kMaxPaths);
    changed.paths = std::move(paths_);
    return changed;
  }

 private:
  // The one field of each that holds it.
  static bool ReadMetadata(std::string_view field, Fields& fields) {
    ProtobufReader reader(field);
    while (reader.Next()) {
      if (!reader.is_bytes() || !ReadFields(reader.bytes(), fields)) return false;
    }
    return reader.ok();
  }

  bool CompareMetadata(std::string_view before, std::string_view after) {
    Fields a;
    Fields b;
    if (!ReadMetadata(before, a) || !ReadMetadata(after, b)) return false;
    bool ok = true;
    ForEachDifference(a, b, [&](uint32_t field) {
      if (field == kResourceVersion || field == kManagedFields) return;
      const std::string path = ChangedPathOf("metadata", MetaNameOf(field));
      if (field == kLabels || field == kAnnotations) {
        ok = ok && CompareEntries(a[field], b[field], path);
      } else {
        paths_.push_back(path);
      }
    });
    return ok;
  }

  bool CompareEntries(std::string_view before, std::string_view after, const std::string& path) {
    Entries a;
    Entries b;
    if (!ReadEntries(before, a) || !ReadEntries(after, b)) return false;
    bool told = false;
    ForEachDifference(a, b, [&](std::string_view key) {
      if (key.size() <= ChangedPaths::kMaxNameBytes) {
        paths_.push_back(ChangedPathOf(path, key));
      } else if (!std::exchange(told, true)) {
        paths_.push_back(path);
      }
    });
    return true;
  }

  std::vector<std::string> paths_;
};

}  // namespace

absl::StatusOr<ChangedPaths> FindChangedProtobufPaths(std::string_view before,
                                                      std::string_view after) {
  ObjectFields a;
  ObjectFields b;
  WEIR_RETURN_IF_ERROR(ReadProtobufObject(before, a));
  WEIR_RETURN_IF_ERROR(ReadProtobufObject(after, b));
  if (a.kind.In(before) != b.kind.In(after)) return InvalidArgumentError("objects of two kinds");
  Comparison comparison;
  if (!comparison.Compare(a.message.In(before), b.message.In(after),
                          FieldsOf(a.api_version.In(before), a.kind.In(before)))) {
    return InvalidArgumentError("a cut or bad field");
  }
  return comparison.Take();
}

}  // namespace weir
