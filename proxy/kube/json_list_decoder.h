// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "proxy/kube/json_scanner.h"
#include "proxy/kube/list_header.h"

namespace weir {

// ListDecoder of a JSON body. Members may come in any order; those that Weir does not know are
// skipped.
class JsonListDecoder {
 public:
  explicit JsonListDecoder(size_t max_value_bytes) : max_value_bytes_(max_value_bytes) {}

  absl::Status Decode(std::string_view chunk, std::vector<ObjectPtr>& items);
  absl::Status Finish();
  const ListHeader& header() const { return header_; }

 private:
  // What is to come next.
  enum class Expect {
    kList,
    kFirstKey,
    kKey,
    kColon,
    kMember,
    kCommaOrEnd,
    kFirstItem,
    kItem,
    kCommaOrItemsEnd,
    kNothing,
  };

  absl::Status OnPunctuation(char c);
  // Takes from `chunk` what belongs to the value under way.
  absl::Status ReadValue(std::string_view& chunk, std::vector<ObjectPtr>& items);
  absl::Status OnValue(std::string_view value, std::vector<ObjectPtr>& items);
  absl::Status OnMember(std::string_view value);
  absl::Status OnMetadata(std::string_view value);
  absl::Status OnItem(std::string_view item, std::vector<ObjectPtr>& items);

  const size_t max_value_bytes_;
  Expect expect_ = Expect::kList;
  bool in_value_ = false;
  JsonValueScan scan_;   // Of the value under way.
  std::string partial_;  // Those of its bytes that earlier chunks have brought.
  std::string key_;      // Of the member under way.
  bool items_found_ = false;
  bool metadata_found_ = false;
  ListHeader header_;
  std::string other_members_;  // What a Status has and a list has not, should this be one.
};

}  // namespace weir
