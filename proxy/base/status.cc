// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/status.h"

#include <string>

#include "absl/strings/string_view.h"

#include "proxy/base/strings.h"

namespace weir {
namespace {

// Which code stands for which failure. Only this file knows; each failure has one of its own.
constexpr absl::StatusCode kNotAcceptable = absl::StatusCode::kAlreadyExists;
constexpr absl::StatusCode kExpired = absl::StatusCode::kOutOfRange;
constexpr absl::StatusCode kTooManyRequests = absl::StatusCode::kResourceExhausted;
constexpr absl::StatusCode kInvalidOptions = absl::StatusCode::kUnimplemented;
constexpr absl::StatusCode kTooLargeVersion = absl::StatusCode::kFailedPrecondition;
constexpr absl::StatusCode kLimit = absl::StatusCode::kAborted;

absl::Status Make(absl::StatusCode code, std::string_view message) {
  return absl::Status(code, absl::string_view(message.data(), message.size()));
}

}  // namespace

absl::Status InvalidArgumentError(std::string_view message) {
  return Make(absl::StatusCode::kInvalidArgument, message);
}
absl::Status NotFoundError(std::string_view message) {
  return Make(absl::StatusCode::kNotFound, message);
}
absl::Status UnauthenticatedError(std::string_view message) {
  return Make(absl::StatusCode::kUnauthenticated, message);
}
absl::Status PermissionDeniedError(std::string_view message) {
  return Make(absl::StatusCode::kPermissionDenied, message);
}
absl::Status NotAcceptableError(std::string_view message) { return Make(kNotAcceptable, message); }
absl::Status ResourceExpiredError(std::string_view message) { return Make(kExpired, message); }
absl::Status TooManyRequestsError(std::string_view message) {
  return Make(kTooManyRequests, message);
}
absl::Status InvalidOptionsError(std::string_view message) {
  return Make(kInvalidOptions, message);
}
absl::Status InternalError(std::string_view message) {
  return Make(absl::StatusCode::kInternal, message);
}
absl::Status UnavailableError(std::string_view message) {
  return Make(absl::StatusCode::kUnavailable, message);
}
absl::Status TimeoutError(std::string_view message) {
  return Make(absl::StatusCode::kDeadlineExceeded, message);
}
absl::Status TooLargeVersionError(std::string_view message) {
  return Make(kTooLargeVersion, message);
}
absl::Status CancelledError(std::string_view message) {
  return Make(absl::StatusCode::kCancelled, message);
}
absl::Status LimitError(std::string_view message) { return Make(kLimit, message); }

bool IsNotAcceptable(const absl::Status& status) { return status.code() == kNotAcceptable; }
bool IsResourceExpired(const absl::Status& status) { return status.code() == kExpired; }
bool IsTooManyRequests(const absl::Status& status) { return status.code() == kTooManyRequests; }
bool IsInvalidOptions(const absl::Status& status) { return status.code() == kInvalidOptions; }
bool IsTimeout(const absl::Status& status) { return absl::IsDeadlineExceeded(status); }
bool IsTooLargeVersion(const absl::Status& status) { return status.code() == kTooLargeVersion; }
bool IsLimit(const absl::Status& status) { return status.code() == kLimit; }

std::string_view MessageOf(const absl::Status& status) {
  const absl::string_view message = status.message();
  return {message.data(), message.size()};
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated = Make(status.code(), StrCat(context, ": ", MessageOf(status)));
  status.ForEachPayload([&annotated](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace weir
