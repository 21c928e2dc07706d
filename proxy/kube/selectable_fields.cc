// SPDX-License-Identifier: Apache-2.0
//
// From kubernetes 1.36: the field label conversions in pkg/apis/*/*/conversion.go say which
// selectors are accepted, the strategies in pkg/registry what they are compared with, the
// generated.proto of k8s.io/api where it lies. A field is here only if it is in every version since
// 1.28 and its value is the object's own. Not here, so the API server decides:
//   Service spec.clusterIP and spec.type   not in older versions
//   Pod status.podIPs                      accepted, but never has a value
//   ReplicaSet status.replicas             has a value, but is not accepted
//   Event                                  never cached
//   ClusterTrustBundle and PodCertificateRequest  still changing
#include "proxy/kube/selectable_fields.h"

#include <algorithm>

namespace weir {
namespace {

using Type = SelectableField::Type;

constexpr SelectableField kFields[] = {
    {"", "v1", "pods", "spec.nodeName", {"spec", "nodeName"}, {2, 10}},
    {"", "v1", "pods", "spec.host", {"spec", "nodeName"}, {2, 10}},  // Of clients before 1.0.
    {"", "v1", "pods", "spec.restartPolicy", {"spec", "restartPolicy"}, {2, 3}},
    {"", "v1", "pods", "spec.schedulerName", {"spec", "schedulerName"}, {2, 19}},
    {"", "v1", "pods", "spec.serviceAccountName", {"spec", "serviceAccountName"}, {2, 8}},
    {"", "v1", "pods", "spec.hostNetwork", {"spec", "hostNetwork"}, {2, 11}, Type::kBoolean},
    {"", "v1", "pods", "status.phase", {"status", "phase"}, {3, 1}},
    {"", "v1", "pods", "status.podIP", {"status", "podIP"}, {3, 6}},
    {"", "v1", "pods", "status.nominatedNodeName", {"status", "nominatedNodeName"}, {3, 11}},
    {"", "v1", "nodes", "spec.unschedulable", {"spec", "unschedulable"}, {2, 4}, Type::kBoolean},
    {"", "v1", "namespaces", "status.phase", {"status", "phase"}, {3, 1}},
    {"", "v1", "secrets", "type", {"type", ""}, {3, 0}},
    {"",
     "v1",
     "replicationcontrollers",
     "status.replicas",
     {"status", "replicas"},
     {3, 1},
     Type::kInteger},
    {"batch", "v1", "jobs", "status.successful", {"status", "succeeded"}, {3, 5}, Type::kInteger},
    {"certificates.k8s.io",
     "v1",
     "certificatesigningrequests",
     "spec.signerName",
     {"spec", "signerName"},
     {2, 7}},
    {"resource.k8s.io", "v1", "resourceslices", "spec.nodeName", {"spec", "nodeName"}, {2, 3}},
    {"resource.k8s.io", "v1", "resourceslices", "spec.driver", {"spec", "driver"}, {2, 1}},
};

struct GroupResource {
  std::string_view group, resource;
};
constexpr GroupResource kWithoutNamespace[] = {
    {"", "nodes"},
    {"", "namespaces"},
    {"certificates.k8s.io", "certificatesigningrequests"},
    {"certificates.k8s.io", "clustertrustbundles"},
    {"certificates.k8s.io", "podcertificaterequests"},
    {"resource.k8s.io", "resourceslices"},
};

}  // namespace

const SelectableField* FindSelectableField(const GroupVersionResource& resource,
                                           std::string_view selector) {
  for (const SelectableField& field : kFields) {
    if (field.selector == selector && field.resource == resource.resource &&
        field.group == resource.group && field.version == resource.version) {
      return &field;
    }
  }
  return nullptr;
}

bool SelectsNamespaceOf(const GroupVersionResource& resource) {
  return std::none_of(std::begin(kWithoutNamespace), std::end(kWithoutNamespace),
                      [&](const GroupResource& known) {
                        return known.resource == resource.resource && known.group == resource.group;
                      });
}

}  // namespace weir
