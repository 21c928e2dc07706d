// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "proxy/kube/list_decoder.h"

namespace weir {

// What a LIST answer says apart from its items.
struct ListHeader {
  ListEnvelope envelope;
  ResourceVersion version;
  std::string continue_token;
};

inline constexpr std::string_view kStatusKind = "Status";

// "Pod" for "PodList"; nothing for what is not the kind of a list.
std::optional<std::string_view> ItemKind(std::string_view list_kind);

// Whether a body that has come to its end was a list: kinds and version are known.
absl::Status CheckListHeader(const ListHeader& header);

}  // namespace weir
