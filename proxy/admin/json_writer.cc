// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/json_writer.h"

#include <cstdio>
#include <utility>

#include "proxy/base/strings.h"

namespace weir {

void JsonWriter::Open(std::string_view key) {
  if (!first_) text_ += ',';
  if (depth_ > 0) {
    text_ += '\n';
    text_.append(static_cast<size_t>(depth_) * 2, ' ');
  }
  if (!key.empty()) StrAppend(text_, JsonString(key), ": ");
  first_ = false;
}

void JsonWriter::Close(char bracket) {
  --depth_;
  if (!first_) {
    text_ += '\n';
    text_.append(static_cast<size_t>(depth_) * 2, ' ');
  }
  text_ += bracket;
  first_ = false;
}

void JsonWriter::BeginObject(std::string_view key) {
  Open(key);
  text_ += '{';
  ++depth_;
  first_ = true;
}

void JsonWriter::EndObject() { Close('}'); }

void JsonWriter::BeginArray(std::string_view key) {
  Open(key);
  text_ += '[';
  ++depth_;
  first_ = true;
}

void JsonWriter::EndArray() { Close(']'); }

void JsonWriter::String(std::string_view key, std::string_view value) {
  Open(key);
  text_ += JsonString(value);
}

void JsonWriter::Int(std::string_view key, int64_t value) {
  Open(key);
  StrAppend(text_, value);
}

void JsonWriter::Double(std::string_view key, double value) {
  Open(key);
  char digits[64];
  std::snprintf(digits, sizeof(digits), "%.3f", value);
  text_ += digits;
}

void JsonWriter::Seconds(std::string_view key, absl::Duration d) {
  Open(key);
  char digits[64];
  std::snprintf(digits, sizeof(digits), "%.6f", absl::ToDoubleSeconds(d));
  text_ += digits;
}

void JsonWriter::Bool(std::string_view key, bool value) {
  Open(key);
  text_ += value ? "true" : "false";
}

std::string JsonWriter::Take() {
  text_ += '\n';
  return std::move(text_);
}

}  // namespace weir
