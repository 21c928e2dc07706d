// SPDX-License-Identifier: Apache-2.0
//
// ScanJsonContainer, 64 bytes at a time. One bit stands for one byte of a block: which bytes are
// backslashes, quotes, brackets. Which bytes are escaped follows by an addition, which are inside
// strings by a carry-less multiplication; brackets outside of strings are then only counted, and
// looked at one by one in the block in which the count can reach zero.
#include "proxy/kube/json_scanner.h"

#if defined(__x86_64__)

#include <bit>
#include <cstring>

#include <immintrin.h>

#define WEIR_BLOCKS __attribute__((target("avx2,pclmul,bmi,popcnt")))
#define WEIR_BLOCKS_INLINE inline __attribute__((always_inline, target("avx2,pclmul,bmi,popcnt")))

namespace weir {
namespace {

constexpr size_t kBlock = 64;
constexpr char kLargestControl = 0x1f;
constexpr uint64_t kEvenBits = 0x5555555555555555;

// What is carried from block to block.
struct Carry {
  uint64_t in_string = 0;  // All ones inside of a string, else 0.
  uint64_t escaped = 0;    // 1 when the first byte of the next block is escaped.
};

struct BlockMasks {
  uint64_t open, close;  // Brackets outside of strings.
  uint64_t stray;        // Backslashes outside of strings.
  uint64_t escaped;
};

struct Block {
  __m256i low, high;
};

WEIR_BLOCKS_INLINE Block Load(const char* bytes) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + 32))};
}

WEIR_BLOCKS_INLINE uint64_t Bits(__m256i low, __m256i high) {
  return static_cast<uint32_t>(_mm256_movemask_epi8(low)) |
         static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(high))) << 32;
}

WEIR_BLOCKS_INLINE uint64_t BitsEqual(const Block& block, char c) {
  const __m256i wanted = _mm256_set1_epi8(c);
  return Bits(_mm256_cmpeq_epi8(block.low, wanted), _mm256_cmpeq_epi8(block.high, wanted));
}

WEIR_BLOCKS_INLINE uint64_t BitsControl(const Block& block) {
  const __m256i limit = _mm256_set1_epi8(kLargestControl);
  return Bits(_mm256_cmpeq_epi8(_mm256_min_epu8(block.low, limit), block.low),
              _mm256_cmpeq_epi8(_mm256_min_epu8(block.high, limit), block.high));
}

WEIR_BLOCKS_INLINE bool HasControl(__m256i bytes) {
  const __m256i limit = _mm256_set1_epi8(kLargestControl);
  return _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(bytes, limit), bytes)) != 0;
}

// Which bytes stand after an active backslash: those after a run of an odd number of them. Adding
// the start of a run to its bits carries to the bit after its end; whether start and end are both
// at even positions tells odd from even.
WEIR_BLOCKS_INLINE uint64_t Escaped(uint64_t backslashes, Carry& carry) {
  const uint64_t first = carry.escaped;
  carry.escaped = 0;
  backslashes &= ~first;
  if (backslashes == 0) return first;
  const uint64_t starts = backslashes & ~(backslashes << 1);
  const uint64_t even_ends = (backslashes + (starts & kEvenBits)) & ~backslashes;
  uint64_t odd_sum = 0;
  carry.escaped = __builtin_add_overflow(backslashes, starts & ~kEvenBits, &odd_sum) ? 1 : 0;
  const uint64_t odd_ends = odd_sum & ~backslashes;
  return first | (even_ends & ~kEvenBits) | (odd_ends & kEvenBits);
}

WEIR_BLOCKS_INLINE BlockMasks Classify(const Block& block, Carry& carry) {
  const uint64_t backslashes = BitsEqual(block, '\\');
  const uint64_t escaped = Escaped(backslashes, carry);
  const uint64_t quotes = BitsEqual(block, '"') & ~escaped;
  // Bit i becomes the parity of the quotes up to i: set from an opening quote on, not at its
  // closing one.
  const __m128i parity =
      _mm_clmulepi64_si128(_mm_set_epi64x(0, static_cast<int64_t>(quotes)), _mm_set1_epi8(-1), 0);
  const uint64_t in_string = static_cast<uint64_t>(_mm_cvtsi128_si64(parity)) ^ carry.in_string;
  carry.in_string = static_cast<uint64_t>(static_cast<int64_t>(in_string) >> 63);
  // '[' and ']' differ from '{' and '}' by this bit, and nothing else maps to them.
  const __m256i bit = _mm256_set1_epi8(0x20);
  const Block folded = {_mm256_or_si256(block.low, bit), _mm256_or_si256(block.high, bit)};
  return {.open = BitsEqual(folded, '{') & ~in_string,
          .close = BitsEqual(folded, '}') & ~in_string,
          .stray = backslashes & ~in_string,
          .escaped = escaped};
}

// The bit of the bracket that closes the container, or 64.
WEIR_BLOCKS_INLINE int FindEnd(const BlockMasks& masks, int64_t& depth) {
  const int64_t closing = std::popcount(masks.close);
  if (closing >= depth) {
    int64_t closed = 0;
    for (uint64_t rest = masks.close; rest != 0; rest &= rest - 1) {
      const uint64_t before = (rest ^ (rest - 1)) >> 1;
      if (depth + std::popcount(masks.open & before) == ++closed) return std::countr_zero(rest);
    }
  }
  depth += std::popcount(masks.open) - closing;
  return kBlock;
}

WEIR_BLOCKS size_t ScanByBlocks(std::string_view bytes, JsonContainerState& state) {
  Carry carry = {.in_string = state.in_string ? ~uint64_t{0} : 0,
                 .escaped = state.escaped ? uint64_t{1} : 0};
  int64_t depth = state.depth;
  size_t end = std::string_view::npos;
  // Of all whole blocks: looked at once, when the scan stops.
  __m256i smallest = _mm256_set1_epi8(-1);
  uint64_t bad = 0;
  for (size_t pos = 0; pos < bytes.size(); pos += kBlock) {
    const size_t left = bytes.size() - pos;
    char padded[kBlock];
    const char* from = bytes.data() + pos;
    if (left < kBlock) {
      std::memset(padded, ' ', kBlock);
      std::memcpy(padded, from, left);
      from = padded;
    }
    const Block block = Load(from);
    const BlockMasks masks = Classify(block, carry);
    if (left < kBlock) carry.escaped = masks.escaped >> left & 1;
    const int at = FindEnd(masks, depth);
    if (at < static_cast<int>(kBlock)) {
      bad |= (masks.stray | BitsControl(block)) & ((uint64_t{1} << at) - 1);
      end = pos + at + 1;
      break;
    }
    bad |= masks.stray;
    smallest = _mm256_min_epu8(smallest, _mm256_min_epu8(block.low, block.high));
  }
  state.depth = depth;
  state.in_string = carry.in_string != 0;
  state.escaped = carry.escaped != 0;
  state.bad = state.bad || bad != 0 || HasControl(smallest);
  return state.bad ? std::string_view::npos : end;
}

}  // namespace

JsonContainerScan JsonContainerScanByBlocks() {
  const bool able = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
  return able ? ScanByBlocks : nullptr;
}

}  // namespace weir

#else

namespace weir {
JsonContainerScan JsonContainerScanByBlocks() { return nullptr; }
}  // namespace weir

#endif
