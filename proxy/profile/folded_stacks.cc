// SPDX-License-Identifier: Apache-2.0
#include "proxy/profile/folded_stacks.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/debugging/symbolize.h"
#include <dlfcn.h>

#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr std::string_view kRarest = "(rare stacks)";

class Symbols {
 public:
  Symbols() {
    static const bool initialized = [] {
      absl::InitializeSymbolizer(nullptr);
      return true;
    }();
    (void)initialized;
  }
  // `innermost`: the address itself was being executed, and is not one to return to, which may
  // belong to the next function already.
  const std::string& NameOf(void* address, bool innermost) {
    char* const at = static_cast<char*>(address) - (innermost ? 0 : 1);
    std::string& name = names_[at];
    if (name.empty()) name = LookUp(at);
    return name;
  }

 private:
  // Without a symbol: the library.
  static std::string LookUp(void* address) {
    char buffer[512];
    std::string name;
    Dl_info library;
    if (absl::Symbolize(address, buffer, sizeof buffer)) {
      name = buffer;
    } else if (dladdr(address, &library) != 0 && library.dli_fname != nullptr) {
      const std::string_view path = library.dli_fname;
      name = StrCat("[", path.substr(path.rfind('/') + 1), "]");
    } else {
      name = "[unknown]";
    }
    std::replace(name.begin(), name.end(), ';', ',');
    return name;
  }

  std::map<void*, std::string> names_;
};

std::string FramesOf(const StackSample& stack, const std::string& thread, Symbols& symbols) {
  std::string frames = thread;
  std::string_view caller;
  for (size_t i = stack.depth; i-- > 0;) {
    const std::string& name = symbols.NameOf(stack.frames[i], i == 0);
    // Of functions of a library that cannot be told apart one is enough.
    if (name.front() == '[' && name == caller) continue;
    StrAppend(frames, ";", name);
    caller = name;
  }
  return frames;
}

}  // namespace

std::vector<FoldedStack> Fold(const CpuSamples& samples, size_t max_bytes) {
  Symbols symbols;
  std::map<std::string, uint64_t> counts;
  for (const StackSample& stack : samples.stacks) {
    const auto thread = samples.threads.find(stack.thread);
    ++counts[FramesOf(stack, thread == samples.threads.end() ? "?" : thread->second, symbols)];
  }
  std::vector<FoldedStack> stacks;
  for (auto& [frames, count] : counts) stacks.push_back({frames, count});
  const auto by_name = [](const auto& a, const auto& b) { return a.frames < b.frames; };
  std::stable_sort(stacks.begin(), stacks.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
  size_t bytes = 0;
  const auto rare = std::find_if(stacks.begin(), stacks.end(), [&](const FoldedStack& stack) {
    bytes += stack.frames.size();
    return bytes > max_bytes;
  });
  std::map<std::string, uint64_t> rarest;
  for (auto stack = rare; stack != stacks.end(); ++stack) {
    rarest[stack->frames.substr(0, stack->frames.find(';'))] += stack->count;
  }
  stacks.erase(rare, stacks.end());
  for (const auto& [thread, count] : rarest)
    stacks.push_back({StrCat(thread, ";", kRarest), count});
  std::sort(stacks.begin(), stacks.end(), by_name);
  return stacks;
}

std::string FoldedText(const std::vector<FoldedStack>& stacks) {
  std::string text;
  for (const FoldedStack& stack : stacks) StrAppend(text, stack.frames, " ", stack.count, "\n");
  return text;
}

}  // namespace weir
