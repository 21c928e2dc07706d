// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace weir {

// One value of a YAML (or JSON) document and where it stands. Unlike yaml-cpp's own tree it keeps
// duplicate keys, and has no aliases, so reading one costs what the file's size says.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  struct Member;

  Kind kind = Kind::kNull;
  int line = 1, column = 1;
  std::string scalar;           // kScalar: the text.
  bool quoted = false;          // kScalar: a string, whatever it looks like.
  std::vector<YamlNode> items;  // kSequence.
  std::vector<Member> members;  // kMap, in their order.

  // The first member of that name; nullptr if there is none or this is no map.
  const YamlNode* Find(std::string_view key) const;
};
struct YamlNode::Member {
  std::string key;
  int line = 1, column = 1;
  YamlNode value;
};

struct YamlLimits {
  size_t max_bytes = 1 << 20;
  int max_depth = 32;
  // If not, an alias reads as an empty scalar and a tag as if it were not there: to see what a
  // document is about.
  bool refuse_aliases_and_tags = true;
};

// "FILE:line:col: ", what every mistake begins with.
std::string YamlPlace(std::string_view file, int line, int column);

// Reads a file of one document; `file` is its name in messages. An empty document is kNull. The
// error says where the document is not YAML, or uses what Weir does not take: aliases, tags, keys
// that are not scalars, several documents.
absl::StatusOr<YamlNode> ParseYaml(std::string_view file, std::string_view text,
                                   const YamlLimits& limits = {});

}  // namespace weir
