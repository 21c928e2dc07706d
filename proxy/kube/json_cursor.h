// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "proxy/kube/object_fields.h"

namespace weir {

// Reads compact JSON front to back and lazily: what nobody asks for is skipped, not parsed. The
// only white space it knows is the blank. Each method is false when something is wrong, and then
// for good; status() says what and where. `text` is at most 2 GiB.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : text_(text) {}

  bool EnterObject();
  // Reads the next key of the object entered last and its colon; false also at the object's end,
  // which is then behind the cursor.
  bool NextKey(FieldSpan& key);
  bool EnterArray();
  // Goes before the next element of the array entered last; false also at the array's end, which is
  // then behind the cursor.
  bool NextElement();
  bool ReadString(FieldSpan& value);
  // `value` becomes the whole value, brackets or quotes included.
  bool SkipValue(FieldSpan& value);
  // Skips a null that stands next, and says whether there was one.
  bool SkipNull();
  // Goes on after a value that someone else has read. REQUIRES: pos() <= pos <= text.size().
  void ContinueAt(size_t pos) { pos_ = pos; }

  // What stands next, after blanks; 0 at the end.
  char Peek() {
    while (pos_ < text_.size() && text_[pos_] == ' ') ++pos_;
    return pos_ < text_.size() ? text_[pos_] : '\0';
  }
  size_t pos() const { return pos_; }
  bool ok() const { return error_ == nullptr; }
  absl::Status status() const;
  // Notes the first mistake. `error` must live for ever.
  bool Fail(const char* error);

 private:
  std::string_view text_;
  size_t pos_ = 0;
  bool first_ = true;  // Nothing of the innermost object or array has been read.
  const char* error_ = nullptr;
};

// What a JSON string means, given what stands between its quotes. Half a surrogate pair becomes
// U+FFFD, as in Go. False: not a string.
bool UnescapeJson(std::string_view escaped, std::string& out);

// The value of `field` in `bytes`, unescaped into `storage` if need be; "" when that fails.
std::string_view JsonFieldText(const FieldSpan& field, std::string_view bytes,
                               std::string& storage);

}  // namespace weir
