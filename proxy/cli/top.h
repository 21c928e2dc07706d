// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "proxy/net/address.h"

namespace weir {

// The command line of `weir top`, as given.
struct TopFlags {
  std::string admin = "127.0.0.1:15090";
  std::string sort = "behind";
  std::string interval = "2s";
  std::string output = "text";
  bool once = false;
};

struct TopOptions {
  Address admin;
  std::string sort;
  absl::Duration interval;
  bool json = false;
  bool once = false;
};
// Error: names the flag and what it may be.
absl::StatusOr<TopOptions> ParseTopFlags(const TopFlags& flags);

// The column of streams beside the one that they are sorted by, as top(1) chooses one with < (step
// -1) and > (1): in the order of the columns, no further than the first and the last.
std::string_view SortBeside(std::string_view sort, int step);

// The pages of the admin port that `weir top` shows, as JSON.
struct TopPages {
  std::string streams, lag, stuck;
};
// For people. Control bytes in what others have named are shown as '?'.
absl::StatusOr<std::string> RenderTop(const TopPages& pages, std::string_view sort);
// One document of all three.
std::string RenderTopJson(const TopPages& pages);

// `weir top`: what a running Weir does, once or again and again. Returns the exit code.
int Top(const TopFlags& flags);

}  // namespace weir
