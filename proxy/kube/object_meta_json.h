// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace weir {

// Appends the metadata of a custom resource, whose members are sorted by name, as the API server
// writes an ObjectMeta: members in the order of the Go types, empty ones left out. False if
// `metadata` has a member that Weir does not know, twice, or in a form of which it does not know
// what becomes of it; `out` is then of no use.
bool AppendObjectMeta(std::string_view metadata, std::string& out);

}  // namespace weir
