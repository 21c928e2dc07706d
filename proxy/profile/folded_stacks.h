// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/profile/cpu_sampler.h"

namespace weir {

// A stack by name: its thread, then functions, the outermost first, with ';' between them. And how
// often it was seen.
struct FoldedStack {
  std::string frames;
  uint64_t count = 0;
};

// Equal stacks together, by name. At most `max_bytes` of names: of the rarest ones only the thread
// is told. Looks up symbols, which takes some 0.1 ms for each function.
std::vector<FoldedStack> Fold(const CpuSamples& samples, size_t max_bytes = 256 << 10);

// One stack per line, "frames count": what flame graph programs read.
std::string FoldedText(const std::vector<FoldedStack>& stacks);

}  // namespace weir
