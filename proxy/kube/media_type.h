// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace weir {

// The bytes in which objects are kept and sent.
enum class Representation { kJson, kProtobuf };

// "application/json" or "application/vnd.kubernetes.protobuf".
std::string_view ContentType(Representation representation);
// The Content-Type of a watch in it (protobuf adds ";stream=watch").
std::string_view WatchContentType(Representation representation);
// From an answer's Content-Type; parameters ignored.
std::optional<Representation> RepresentationOf(std::string_view content_type);

// What an Accept header asks for, in the API server's order of preference (goautoneg: by q,
// stable; the first clause that names a supported type wins; empty means JSON).
struct Negotiated {
  enum class Kind {
    kObjects,   // Whole objects.
    kMetadata,  // as=PartialObjectMetadata of one object or a watch, ...List of a list, both v1.
    kOther,     // Table, YAML, CBOR, a parameter Weir does not know, nothing usable: forward.
  };
  Kind kind = Kind::kOther;
  Representation preferred = Representation::kJson;
  // JSON, if `preferred` is protobuf and the next usable clause asks for the same kind in JSON.
  // kObjects: what a custom resource's answer comes in, since it has no protobuf. kMetadata: what
  // the client can read as well; the API server has PartialObjectMetadata of everything in
  // protobuf.
  std::optional<Representation> fallback;
};
// `list`: the request is a LIST.
Negotiated NegotiateAccept(std::string_view accept, bool list);

}  // namespace weir
