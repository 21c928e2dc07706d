// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::bench {

// One answer: `data`, repeated. It points into the BareContent that gave it.
struct BareAnswer {
  int status = 200;
  std::string_view data;
  uint64_t repeats = 1;
  // A watch stays open when its bytes are out, until this many seconds after it began.
  bool stays_open = false;
  int64_t seconds = 0;  // 0: for ever.
};

// What the bare server answers, made before the first request: some ConfigMaps of one size as a
// list and as the events of a stream-list, one of them alone, and as much filler as is asked for.
class BareContent {
 public:
  // `object_bytes` is the size of an object as an item of the list.
  BareContent(size_t objects, size_t object_bytes);

  BareAnswer Answer(std::string_view method, std::string_view target) const;

 private:
  BareAnswer AnswerWatch(std::string_view query) const;

  std::string review_;  // A SelfSubjectReview: whoever asks is the same user.
  std::string object_;
  std::string list_;
  std::string first_page_;  // For whoever only wants to know what a list looks like.
  std::string initial_events_;
  std::string filler_;
};

}  // namespace weir::bench
