// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace weir {

// Immutable bytes that many can hold: a view and what keeps it alive. Copying costs a reference
// count, never the bytes. A Bytes without an owner views static storage.
class Bytes {
 public:
  Bytes() = default;
  static Bytes Copy(std::string_view text);
  static Bytes Own(std::string text);
  // REQUIRES: `text` lives in static storage.
  static Bytes Static(std::string_view text) { return Bytes(nullptr, text); }
  // REQUIRES: `owner` keeps `text` alive and unchanged.
  static Bytes Share(std::shared_ptr<const void> owner, std::string_view text) {
    return Bytes(std::move(owner), text);
  }

  std::string_view view() const { return text_; }
  size_t size() const { return text_.size(); }
  bool empty() const { return text_.empty(); }
  // REQUIRES: pos + count <= size().
  Bytes Sub(size_t pos, size_t count) const { return Bytes(owner_, text_.substr(pos, count)); }

 private:
  Bytes(std::shared_ptr<const void> owner, std::string_view text)
      : owner_(std::move(owner)), text_(text) {}

  std::shared_ptr<const void> owner_;
  std::string_view text_;
};

// First in, first out; knows its size in bytes.
class BytesQueue {
 public:
  void Append(Bytes bytes);
  // The oldest piece. REQUIRES: !empty().
  const Bytes& front() const { return pieces_.front(); }
  // Forgets the oldest `count` bytes. REQUIRES: count <= size().
  void Drain(size_t count);
  // Appends up to `limit` of the oldest bytes to `out` and forgets them; says how many.
  size_t MoveTo(std::string& out, size_t limit);
  void Clear();
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  std::deque<Bytes> pieces_;  // None is empty.
  size_t size_ = 0;
};

}  // namespace weir
