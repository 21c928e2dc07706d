// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/status.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace weir {
namespace {

struct Failure {
  absl::Status (*make)(std::string_view);
  bool (*is)(const absl::Status&);
};

const std::vector<Failure>& Failures() {
  static const std::vector<Failure> failures = {
      {InvalidArgumentError, IsInvalidArgument},
      {NotFoundError, IsNotFound},
      {UnauthenticatedError, IsUnauthenticated},
      {PermissionDeniedError, IsPermissionDenied},
      {ResourceExpiredError, IsResourceExpired},
      {TooManyRequestsError, IsTooManyRequests},
      {InvalidOptionsError, IsInvalidOptions},
      {UnavailableError, IsUnavailable},
      {TimeoutError, IsTimeout},
      {TooLargeVersionError, IsTooLargeVersion},
      {NotAcceptableError, IsNotAcceptable},
      {CancelledError, IsCancelled},
      {LimitError, IsLimit},
  };
  return failures;
}

TEST(StatusTest, EveryFailureIsToldFromEveryOther) {
  for (size_t made = 0; made < Failures().size(); ++made) {
    const absl::Status status = Failures()[made].make("why");
    EXPECT_EQ(MessageOf(status), "why");
    for (size_t asked = 0; asked < Failures().size(); ++asked) {
      EXPECT_EQ(Failures()[asked].is(status), made == asked) << made << " " << asked;
    }
    EXPECT_FALSE(Failures()[made].is(absl::OkStatus()));
    EXPECT_FALSE(Failures()[made].is(InternalError("x")));
  }
}

TEST(StatusTest, AnnotatingKeepsTheFailureAndAddsWhere) {
  const absl::Status status = Annotate(ResourceExpiredError("too old"), "watch of pods");
  EXPECT_TRUE(IsResourceExpired(status));
  EXPECT_EQ(MessageOf(status), "watch of pods: too old");
  EXPECT_TRUE(Annotate(absl::OkStatus(), "anything").ok());
}

absl::StatusOr<std::string> Half(int number) {
  if (number % 2 != 0) return InvalidArgumentError("odd");
  return std::to_string(number / 2);
}

absl::Status Quarter(int number, std::string& out) {
  WEIR_ASSIGN_OR_RETURN(const std::string half, Half(number));
  WEIR_RETURN_IF_ERROR(Half(std::stoi(half)).status());
  WEIR_ASSIGN_OR_RETURN(out, Half(std::stoi(half)));
  return absl::OkStatus();
}

TEST(StatusTest, MacrosReturnTheFirstError) {
  std::string out;
  EXPECT_TRUE(Quarter(12, out).ok());
  EXPECT_EQ(out, "3");
  EXPECT_TRUE(IsInvalidArgument(Quarter(3, out)));
  EXPECT_TRUE(IsInvalidArgument(Quarter(6, out)));
}

}  // namespace
}  // namespace weir
