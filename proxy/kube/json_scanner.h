// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace weir {

// Where a scan through a JSON container (an object or an array) stands. It may stop at any byte
// and go on with the next piece.
struct JsonContainerState {
  int64_t depth = 0;  // Containers open.
  bool in_string = false;
  bool escaped = false;  // The next byte stands after a backslash.
  bool bad = false;      // A control byte, or a backslash outside of strings.
};

// Reads on in a container and returns the position after its last byte, or npos when `bytes` end
// before it or `state.bad` has become true. What is inside is not parsed: only strings and the
// depth of brackets are followed. Control bytes are refused everywhere, line ends too: an object
// that holds one cannot be sent as a line of a watch.
// REQUIRES: a new state begins at the bracket that opens the container.
size_t ScanJsonContainer(std::string_view bytes, JsonContainerState& state);

// The two forms of ScanJsonContainer, equal in what they return. The second takes 64 bytes at a
// time and is null where the processor does not have what it takes.
using JsonContainerScan = size_t (*)(std::string_view bytes, JsonContainerState& state);
size_t ScanJsonContainerBytewise(std::string_view bytes, JsonContainerState& state);
JsonContainerScan JsonContainerScanByBlocks();

// The position of the first '"', '\\' or control byte at or after `pos`, or bytes.size().
size_t FindInJsonStringBytewise(std::string_view bytes, size_t pos);
inline size_t FindInJsonString(std::string_view bytes, size_t pos) {
#if defined(__SSE2__)
  for (; pos + sizeof(__m128i) <= bytes.size(); pos += sizeof(__m128i)) {
    const __m128i word = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + pos));
    const __m128i quote = _mm_cmpeq_epi8(word, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(word, _mm_set1_epi8('\\'));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(word, _mm_set1_epi8(0x1f)), word);
    const int bits = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
    if (bits != 0) return pos + std::countr_zero(static_cast<uint32_t>(bits));
  }
#endif
  return FindInJsonStringBytewise(bytes, pos);
}

// Finds the end of one JSON value of any kind that comes in pieces.
class JsonValueScan {
 public:
  // Reads on; returns how many of `bytes` belong to the value: all of them unless done(). A number
  // or literal is done only when a byte follows it.
  // REQUIRES: !done(); the first byte is not white space.
  size_t Advance(std::string_view bytes);
  bool done() const { return done_; }
  bool bad() const { return container_.bad; }

 private:
  enum class Kind { kUnknown, kContainer, kString, kScalar };
  size_t AdvanceString(std::string_view bytes, size_t pos);
  size_t AdvanceScalar(std::string_view bytes);

  Kind kind_ = Kind::kUnknown;
  bool done_ = false;
  JsonContainerState container_;
};

}  // namespace weir
