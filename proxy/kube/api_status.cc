// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/api_status.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr std::string_view kTimeoutPrefix = "Timeout: ";
constexpr std::string_view kTooLargeReason = "ResourceVersionTooLarge";
constexpr std::string_view kTooLargeMessage = "Too large resource version";
constexpr int kRetrySoon = 1;

ApiStatus Make(int code, std::string_view reason, const absl::Status& status) {
  ApiStatus answer;
  answer.code = code;
  answer.reason = reason;
  answer.message = MessageOf(status);
  return answer;
}

ApiStatus MakeRetriable(int code, std::string_view reason, const absl::Status& status) {
  ApiStatus answer = Make(code, reason, status);
  answer.retry_after_seconds = kRetrySoon;
  return answer;
}

// apimachinery's NewTimeoutError puts this word in front.
ApiStatus MakeTimeout(const absl::Status& status) {
  ApiStatus answer = Make(504, "Timeout", status);
  if (!answer.message.starts_with(kTimeoutPrefix)) answer.message.insert(0, kTimeoutPrefix);
  if (weir::IsTooLargeVersion(status)) {
    answer.cause_reason = kTooLargeReason;
    answer.cause_message = kTooLargeMessage;
    answer.retry_after_seconds = kRetrySoon;
  }
  return answer;
}

std::string_view WithoutPrefix(std::string_view text, std::string_view prefix) {
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  return text;
}

}  // namespace

ApiStatus ToApiStatus(const absl::Status& status) {
  if (weir::IsInvalidArgument(status)) return Make(400, "BadRequest", status);
  if (weir::IsUnauthenticated(status)) return Make(401, "Unauthorized", status);
  if (weir::IsPermissionDenied(status)) return Make(403, "Forbidden", status);
  if (weir::IsNotFound(status)) return Make(404, "NotFound", status);
  if (weir::IsNotAcceptable(status)) return Make(406, "NotAcceptable", status);
  if (weir::IsResourceExpired(status)) return Make(410, "Expired", status);
  if (weir::IsInvalidOptions(status)) return Make(422, "Invalid", status);
  if (weir::IsTooManyRequests(status) || weir::IsLimit(status)) {
    return MakeRetriable(429, "TooManyRequests", status);
  }
  if (weir::IsUnavailable(status)) return MakeRetriable(503, "ServiceUnavailable", status);
  if (weir::IsTimeout(status) || weir::IsTooLargeVersion(status)) return MakeTimeout(status);
  return Make(500, "InternalError", status);
}

absl::Status FromApiStatus(const ApiStatus& status) {
  const std::string_view message = status.message;
  switch (status.code) {
    case 401:
      return UnauthenticatedError(message);
    case 403:
      return PermissionDeniedError(message);
    case 404:
      return NotFoundError(message);
    case 406:
      return NotAcceptableError(message);
    case 410:
      return ResourceExpiredError(message);
    case 422:
      return InvalidOptionsError(message);
    case 429:
      return TooManyRequestsError(message);
    case 502:
    case 503:
      return UnavailableError(message);
    case 504:
      if (status.cause_reason == kTooLargeReason) {
        return TooLargeVersionError(WithoutPrefix(message, kTimeoutPrefix));
      }
      return TimeoutError(WithoutPrefix(message, kTimeoutPrefix));
    default:
      return status.code >= 400 && status.code < 500 ? InvalidArgumentError(message)
                                                     : InternalError(message);
  }
}

}  // namespace weir
