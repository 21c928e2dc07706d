// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/client_directory.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

absl::Status FileError(std::string_view doing, const std::string& path, int error) {
  return UnavailableError(StrCat("cannot ", doing, " ", path, ": ", std::strerror(error),
                                 "; is the client directory a writable volume of this container?"));
}

absl::Status WriteFully(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return UnavailableError(std::strerror(errno));
    content.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// Readers see the old file or the new one, never a part.
absl::Status ReplaceFile(const std::string& path, std::string_view content, mode_t mode) {
  const std::string beside = StrCat(path, ".new");
  ::unlink(beside.c_str());
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return FileError("create", beside, errno);
  // The umask may have taken bits that readers in other containers need.
  const bool moded = ::fchmod(fd, mode) == 0;
  const int mode_error = errno;
  const absl::Status written = WriteFully(fd, content);
  const bool closed = ::close(fd) == 0;
  const int close_error = errno;
  if (!moded) return FileError("set the mode of", beside, mode_error);
  if (!written.ok()) {
    ::unlink(beside.c_str());
    return Annotate(written, StrCat("cannot write ", beside));
  }
  if (!closed) return FileError("write", beside, close_error);
  if (std::rename(beside.c_str(), path.c_str()) != 0) return FileError("replace", path, errno);
  return absl::OkStatus();
}

std::string Kubeconfig(const ClientDirectoryFiles& files) {
  // Paths are relative to the kubeconfig, so that the directory may be mounted elsewhere.
  return StrCat(
      "apiVersion: v1\nkind: Config\n"
      "clusters:\n- name: weir\n  cluster:\n    server: ",
      files.server_url,
      "\n    certificate-authority: ca.crt\n"
      "users:\n- name: weir\n  user:\n    tokenFile: token\n"
      "contexts:\n- name: weir\n  context:\n    cluster: weir\n    user: weir\n    namespace: ",
      files.namespace_name, "\ncurrent-context: weir\n");
}

}  // namespace

absl::Status ClientDirectory::WriteAll(const ClientDirectoryFiles& files) const {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) return FileError("make the client directory", path_, error.value());
  WEIR_RETURN_IF_ERROR(ReplaceFile(StrCat(path_, "/ca.crt"), files.ca_pem, 0644));
  WEIR_RETURN_IF_ERROR(ReplaceFile(StrCat(path_, "/namespace"), files.namespace_name, 0644));
  WEIR_RETURN_IF_ERROR(WriteToken(files.token));
  return ReplaceFile(StrCat(path_, "/kubeconfig"), Kubeconfig(files), 0644);
}

absl::Status ClientDirectory::WriteToken(const std::string& token) const {
  return ReplaceFile(StrCat(path_, "/token"), token, 0600);
}

}  // namespace weir
