// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/cleanup/cleanup.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t max_bytes) {
  const auto failed = [&path](int error) {
    return InvalidArgumentError(StrCat("cannot read ", Quoted(path), ": ", std::strerror(error)));
  };
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return failed(errno);
  const auto close = absl::MakeCleanup([file] { std::fclose(file); });
  std::string text;
  char buffer[16384];
  while (const size_t count = std::fread(buffer, 1, sizeof(buffer), file)) {
    text.append(buffer, count);
    if (text.size() > max_bytes) {
      return InvalidArgumentError(
          StrCat("cannot read ", Quoted(path), ": larger than ", max_bytes, " bytes"));
    }
  }
  if (std::ferror(file) != 0) return failed(errno);
  return text;
}

}  // namespace weir
