// SPDX-License-Identifier: Apache-2.0
//
// Stands in for libFuzzer where there is none: runs the target on every file in the directories
// and files that it is given, on every prefix of the small ones, and on the empty input. Fails if
// there is nothing to run: a corpus that has moved is not a corpus that passed.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kEveryPrefixUpTo = 256;

// A copy of exactly the right size, so that AddressSanitizer sees a read past its end.
void Run(const std::string& input, size_t size) {
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);
  std::copy_n(input.begin(), size, copy.get());
  LLVMFuzzerTestOneInput(copy.get(), size);
}

std::vector<std::filesystem::path> FilesOf(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  size_t files = 0;
  Run("", 0);
  for (int i = 1; i < argc; ++i) {
    for (const std::filesystem::path& path : FilesOf(argv[i])) {
      std::ifstream stream(path, std::ios::binary);
      if (!stream) {
        std::fprintf(stderr, "cannot read %s\n", path.c_str());
        return 1;
      }
      const std::string input(std::istreambuf_iterator<char>(stream), {});
      std::fprintf(stderr, "%s, %zu bytes\n", path.c_str(), input.size());
      for (size_t size = 0; size < std::min(input.size(), kEveryPrefixUpTo); ++size) {
        Run(input, size);
      }
      Run(input, input.size());
      ++files;
    }
  }
  if (files == 0) {
    std::fprintf(stderr, "usage: %s CORPUS...; there is no file in it\n", argv[0]);
    return 1;
  }
  std::fprintf(stderr, "%zu files, no crash\n", files);
  return 0;
}
