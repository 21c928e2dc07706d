// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/downstream/decision.h"
#include "proxy/record/bounded_map.h"

namespace weir {

// A row of /clients: what one program, by its User-Agent, has asked about one resource.
struct ClientRow {
  std::string user_agent, resource;
  uint64_t lists = 0, watches = 0;
  uint64_t from_start = 0;  // Of the watches: those known to begin with every object.
  uint64_t forwarded = 0;   // Of both.
};

// Counts the lists and watches of each client: one that lists again and again has lost its place,
// whoever answers. Of those that have asked last; clients choose their names, so these are bounded.
// Not thread-safe.
class ClientCounts {
 public:
  static constexpr size_t kMaxRows = 500;
  static constexpr size_t kMaxName = 128;  // Bytes of a User-Agent.

  void Count(std::string_view user_agent, const Decision& decision, bool forwarded);
  std::vector<ClientRow> Rows() const;

 private:
  BoundedMap<ClientRow> rows_{kMaxRows};
};

// Of several workers: one row for each client and resource, who listed most first.
std::vector<ClientRow> MergeClients(std::vector<ClientRow> rows);

}  // namespace weir
