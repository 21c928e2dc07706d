// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/upstream/upstream.h"

namespace weir {
namespace {

// A service-account token has one or two thousand bytes; whatever is much larger is no token.
constexpr size_t kMaxTokenBytes = 64 << 10;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  struct Closer {
    void operator()(FILE* file) const { (void)fclose(file); }
  };
  const std::unique_ptr<FILE, Closer> file(fopen(path.c_str(), "re"));
  if (file == nullptr) return UnavailableError(Lower(std::strerror(errno)));
  std::string text(kMaxTokenBytes + 1, '\0');
  text.resize(fread(text.data(), 1, text.size(), file.get()));
  if (ferror(file.get()) != 0) return UnavailableError(Lower(std::strerror(errno)));
  if (text.size() > kMaxTokenBytes) return InvalidArgumentError("too long for a token");
  return text;
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  const auto failed = [&path](std::string_view reason) {
    return InvalidArgumentError(StrCat("cannot use the token file ", Quoted(path), ": ", reason,
                                       "; is the service-account token mounted and readable?"));
  };
  if (!text.ok()) return failed(MessageOf(text.status()));
  const std::string_view token = Trim(*text);
  if (token.empty()) return failed("it is empty");
  // It becomes a header's value: a line end in it would end the header.
  const bool printable = std::all_of(token.begin(), token.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  if (!printable) return failed("it holds blanks, control or non-ASCII bytes within the token");
  return std::string(token);
}

}  // namespace

struct TokenSource::Cached {
  std::mutex mutex;
  // Guarded by `mutex`.
  std::string token;
  std::chrono::steady_clock::time_point read_at;
  uint64_t generation = 0;
  bool failing = false;  // Has been logged.
};

std::shared_ptr<TokenSource> TokenSource::Fixed(std::string token) {
  std::shared_ptr<TokenSource> source(new TokenSource());
  source->fixed_ = std::move(token);
  return source;
}

absl::StatusOr<std::shared_ptr<TokenSource>> TokenSource::FromFile(std::string path,
                                                                   absl::Duration reread) {
  WEIR_ASSIGN_OR_RETURN(std::string token, ReadToken(path));
  std::shared_ptr<TokenSource> source(new TokenSource());
  source->path_ = std::move(path);
  source->reread_ = reread;
  source->cached_ = std::make_shared<Cached>();
  source->cached_->token = std::move(token);
  source->cached_->read_at = std::chrono::steady_clock::now();
  return source;
}

std::string TokenSource::token() {
  if (cached_ == nullptr) return fixed_;
  const std::lock_guard lock(cached_->mutex);
  Reread();
  return cached_->token;
}

uint64_t TokenSource::generation() {
  if (cached_ == nullptr) return 0;
  const std::lock_guard lock(cached_->mutex);
  Reread();
  return cached_->generation;
}

void TokenSource::Reread() {
  const auto now = std::chrono::steady_clock::now();
  if (absl::FromChrono(now - cached_->read_at) < reread_) return;
  // The file is read again whatever its times say: it costs a microsecond or two, and a kubelet
  // that swaps a symbolic link may leave them as they were.
  cached_->read_at = now;
  absl::StatusOr<std::string> token = ReadToken(path_);
  if (token.ok()) {
    if (std::exchange(cached_->failing, false)) LogInfo("the token file can be read again");
    if (*token != cached_->token) ++cached_->generation;
    cached_->token = *std::move(token);
  } else if (!std::exchange(cached_->failing, true)) {
    LogWarning("goes on with the last token that could be read",
               {{"reason", MessageOf(token.status())}});
  }
}

}  // namespace weir
