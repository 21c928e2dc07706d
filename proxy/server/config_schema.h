// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "proxy/base/log.h"
#include "proxy/server/yaml_document.h"

// Reads a YAML document by a table of its keys and collects all mistakes.

namespace weir {

// The mistakes found in one file, in the order of their places.
class ConfigMistakes {
 public:
  // `file`: its name in messages; "" leaves the places out.
  explicit ConfigMistakes(std::string_view file) : file_(file) {}
  void Add(int line, int column, std::string_view path, std::string_view message);
  void Add(const YamlNode& node, std::string_view path, std::string_view message) {
    Add(node.line, node.column, path, message);
  }
  bool empty() const { return mistakes_.empty(); }
  // OK, or every mistake on a line of its own.
  absl::Status ToStatus() const;

 private:
  struct Mistake {
    int line, column;
    std::string text;
  };
  const std::string file_;
  std::vector<Mistake> mistakes_;
};

// Puts a node's value where it belongs, or says what is wrong with it. `path` is the key's.
using ConfigReader =
    std::function<void(const YamlNode& node, const std::string& path, ConfigMistakes& mistakes)>;

// A key, by its path ("cache.windowBytes"), and what reads it.
struct ConfigField {
  std::string path;
  ConfigReader read;
};

// Reads the map `root` by the table: a key is either in it, or the beginning of one that is and
// then a map. Reports unknown and duplicate keys. `base` is the path of `root`: "" or "filters[0]".
void ReadFields(const YamlNode& root, const std::string& base,
                const std::vector<ConfigField>& fields, ConfigMistakes& mistakes);

// Reports duplicate keys anywhere beneath `node`, for documents read without a table.
void ReportDuplicateKeys(const YamlNode& node, const std::string& path, ConfigMistakes& mistakes);

// Readers of single values. Each target outlives its reader. Ranges include both ends.
ConfigReader ReadText(std::string& target);
ConfigReader ReadBool(bool& target);
ConfigReader ReadBool(std::function<void(bool)> set);
ConfigReader ReadResourceName(std::string& target);
ConfigReader ReadAddress(std::string& target);  // "ip:port".
ConfigReader ReadLogLevel(LogLevel& target);
ConfigReader ReadDuration(absl::Duration& target, absl::Duration min, absl::Duration max);
ConfigReader ReadBytes(size_t& target, size_t min, size_t max);
ConfigReader ReadResourceNames(std::vector<std::string>& target);
// A reader of one of some words hands its place among them to `set`.
ConfigReader ReadChoice(std::vector<std::string> words, std::function<void(size_t)> set);
// A reader of whole numbers hands them to `set`.
ConfigReader ReadNumber(int64_t min, int64_t max, std::function<void(int64_t)> set);

template <typename Integer>
ConfigReader ReadNumber(Integer& target, int64_t min, int64_t max) {
  return ReadNumber(min, max, [&target](int64_t value) { target = static_cast<Integer>(value); });
}

// What a value is, for messages: "a list", "the text \"x\"".
std::string DescribeNode(const YamlNode& node);

}  // namespace weir
