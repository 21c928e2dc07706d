// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace weir {

// Writes one JSON document, indented, as the admin pages do: readable by people and by jq.
class JsonWriter {
 public:
  void BeginObject(std::string_view key = {});
  void EndObject();
  void BeginArray(std::string_view key = {});
  void EndArray();
  void String(std::string_view key, std::string_view value);
  void Int(std::string_view key, int64_t value);
  void Double(std::string_view key, double value);       // Three decimals.
  void Seconds(std::string_view key, absl::Duration d);  // Six decimals.
  void Bool(std::string_view key, bool value);
  // The document with a newline at its end.
  std::string Take();

 private:
  void Open(std::string_view key);
  void Close(char bracket);

  std::string text_;
  int depth_ = 0;
  bool first_ = true;
};

}  // namespace weir
