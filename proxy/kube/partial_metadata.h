// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "proxy/kube/list_decoder.h"
#include "proxy/kube/object.h"
#include "proxy/kube/resource.h"

namespace weir {

inline constexpr std::string_view kPartialMetadataKind = "PartialObjectMetadata";
inline constexpr std::string_view kPartialMetadataApiVersion = "meta.k8s.io/v1";

// How a LIST of PartialObjectMetadata is framed: the same for every resource.
ListEnvelope PartialMetadataListEnvelope();

// Whether the objects of `resource` can be derived at all. False for the few kinds whose whole
// objects carry annotations that the API server makes when it converts them, and that their
// PartialObjectMetadata, made before, does not have.
bool DerivesPartialMetadata(const GroupVersionResource& resource);

// The PartialObjectMetadata of a whole object in the same representation, byte for byte what the
// API server sends for it on a watch. Null where Weir does not know those bytes: such a kind, or a
// custom resource with something in its metadata that Weir does not know how to write. Costs about
// one parse of the metadata.
ObjectPtr ToPartialMetadata(const Object& object);

}  // namespace weir
