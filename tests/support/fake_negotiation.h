// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "tests/support/fake_store_encoding.h"

namespace weir {

// What an Accept header means for a kind: a format, or the answer that there is none.
struct FakeAccept {
  FakeFormat format = FakeFormat::kJson;
  std::string transform;  // "PartialObjectMetadataList", ..., as asked for.
  FakeStatus error;
};
// `verb` is that of RequestInfo.
FakeAccept Negotiate(std::string_view accept, const FakeKind& kind, std::string_view verb);

// Lists are asked for as lists and objects as objects; an error says so.
FakeStatus CheckTransform(const FakeAccept& accept, const FakeKind& kind, bool list);

// Whether JSON is for people.
bool WantsIndented(std::string_view query, std::string_view user_agent);

}  // namespace weir
