// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/api_status.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "proxy/base/status.h"
#include "tests/kube/object_samples.h"

namespace weir {
namespace {

using testing::HasSubstr;

ApiStatus TooLarge() {
  ApiStatus status;
  status.code = 504;
  status.reason = "Timeout";
  status.message = "Timeout: Too large resource version: 9, current: 7";
  status.cause_reason = "ResourceVersionTooLarge";
  status.cause_message = "Too large resource version";
  status.retry_after_seconds = 1;
  return status;
}

void ExpectSame(const ApiStatus& a, const ApiStatus& b) {
  EXPECT_EQ(a.code, b.code);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.message, b.message);
  EXPECT_EQ(a.retry_after_seconds, b.retry_after_seconds);
  EXPECT_EQ(a.cause_reason, b.cause_reason);
  EXPECT_EQ(a.cause_message, b.cause_message);
}

TEST(ApiStatusTest, WritesJsonInTheOrderOfTheApiServer) {
  EXPECT_EQ(
      TooLarge().Encode(Representation::kJson),
      R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Timeout: Too large resource version: 9, current: 7","reason":"Timeout","details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}],"retryAfterSeconds":1},"code":504})"
      "\n");
}

TEST(ApiStatusTest, LeavesOutWhatIsEmpty) {
  ApiStatus status;
  status.code = 500;
  EXPECT_EQ(status.Encode(Representation::kJson),
            R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":500})"
            "\n");
  status.retry_after_seconds = 30;
  EXPECT_THAT(status.Encode(Representation::kJson),
              HasSubstr(R"("details":{"retryAfterSeconds":30},)"));
}

TEST(ApiStatusTest, EscapesAsGoDoes) {
  ApiStatus status;
  status.code = 403;
  status.message = "a<b>&\"c\"\n";
  EXPECT_THAT(status.Encode(Representation::kJson),
              HasSubstr(R"("message":"a\u003cb\u003e\u0026\"c\"\n")"));
}

TEST(ApiStatusTest, WritesProtobufAsTheApiServerDoes) {
  ApiStatus status;
  status.code = 410;
  status.reason = "Expired";
  status.message = "old";
  EXPECT_EQ(
      status.Encode(Representation::kProtobuf),
      Hex("6b 38 73 00 0a 0c 0a 02 76 31 12 06 53 74 61 74 75 73 12 22 0a 06 0a 00 12 00 1a 00"
          "12 07 46 61 69 6c 75 72 65 1a 03 6f 6c 64 22 07 45 78 70 69 72 65 64 30 9a 03"
          "1a 00 22 00"));
}

TEST(ApiStatusTest, ReadsWhatItWrites) {
  for (const Representation representation : {Representation::kJson, Representation::kProtobuf}) {
    ExpectSame(ApiStatus::Decode(representation, TooLarge().Encode(representation)), TooLarge());
    ApiStatus plain;
    plain.code = 403;
    plain.reason = "Forbidden";
    plain.message = "no <b>\xc3\xa9</b> \"x\"";
    ExpectSame(ApiStatus::Decode(representation, plain.Encode(representation)), plain);
  }
}

TEST(ApiStatusTest, ReadsIndentedJsonAndJsonInsteadOfProtobuf) {
  const std::string body = nlohmann::json::parse(TooLarge().Encode(Representation::kJson)).dump(2);
  ExpectSame(ApiStatus::Decode(Representation::kJson, body), TooLarge());
  ExpectSame(ApiStatus::Decode(Representation::kProtobuf, body), TooLarge());
}

TEST(ApiStatusTest, SaysSoWhenItCannotRead) {
  for (const std::string& body :
       {std::string(), std::string("404 page not found\n"), std::string("{"), std::string("[]"),
        std::string("{}"), std::string(R"({"kind":"Pod","code":200})"), ConfigMapProtobuf()}) {
    for (const Representation representation : {Representation::kJson, Representation::kProtobuf}) {
      const ApiStatus status = ApiStatus::Decode(representation, body);
      EXPECT_EQ(status.code, 500);
      EXPECT_EQ(status.reason, "InternalError");
      EXPECT_THAT(status.message, HasSubstr("not a readable Kubernetes Status"));
    }
  }
  EXPECT_THAT(ApiStatus::Decode(Representation::kJson, "404 page not found\n").message,
              HasSubstr("404 page not found"));
}

TEST(ApiStatusTest, RefusesEveryCutProtobufStatus) {
  const std::string body = TooLarge().Encode(Representation::kProtobuf);
  for (size_t size = 0; size + 4 < body.size(); ++size) {
    EXPECT_EQ(ApiStatus::Decode(Representation::kProtobuf, body.substr(0, size)).code, 500) << size;
  }
}

TEST(ApiStatusTest, OddValuesAreNotTaken) {
  const ApiStatus status = ApiStatus::Decode(
      Representation::kJson,
      R"({"kind":"Status","code":"x","message":7,"details":{"causes":{},"retryAfterSeconds":-3}})");
  EXPECT_EQ(status.code, 500);
  EXPECT_EQ(status.message, "");
  EXPECT_EQ(status.retry_after_seconds, 0);
}

struct Mapping {
  absl::Status status;
  int code;
  const char* reason;
  int retry_after_seconds = 0;
};

TEST(ApiStatusTest, AnswersEachFailureAsKubernetesDoes) {
  const Mapping mappings[] = {
      {InvalidArgumentError("m"), 400, "BadRequest"},
      {UnauthenticatedError("m"), 401, "Unauthorized"},
      {PermissionDeniedError("m"), 403, "Forbidden"},
      {NotFoundError("m"), 404, "NotFound"},
      {ResourceExpiredError("m"), 410, "Expired"},
      {InvalidOptionsError("m"), 422, "Invalid"},
      {TooManyRequestsError("m"), 429, "TooManyRequests", 1},
      {LimitError("m"), 429, "TooManyRequests", 1},
      {InternalError("m"), 500, "InternalError"},
      {CancelledError("m"), 500, "InternalError"},
      {UnavailableError("m"), 503, "ServiceUnavailable", 1},
      {TimeoutError("m"), 504, "Timeout"},
      {TooLargeVersionError("m"), 504, "Timeout", 1},
  };
  for (const Mapping& mapping : mappings) {
    const ApiStatus answer = ToApiStatus(mapping.status);
    EXPECT_EQ(answer.code, mapping.code) << mapping.status;
    EXPECT_EQ(answer.reason, mapping.reason) << mapping.status;
    EXPECT_EQ(answer.retry_after_seconds, mapping.retry_after_seconds) << mapping.status;
    EXPECT_EQ(answer.message, mapping.code == 504 ? "Timeout: m" : "m");
  }
}

TEST(ApiStatusTest, AFailureSurvivesTheWay) {
  for (const absl::Status& status :
       {InvalidArgumentError("m"), UnauthenticatedError("m"), PermissionDeniedError("m"),
        NotFoundError("m"), ResourceExpiredError("m"), InvalidOptionsError("m"),
        TooManyRequestsError("m"), InternalError("m"), UnavailableError("m"), TimeoutError("m"),
        TooLargeVersionError("m")}) {
    EXPECT_EQ(FromApiStatus(ToApiStatus(status)), status);
  }
}

TEST(ApiStatusTest, WordsATooLargeVersionAsTheApiServerDoes) {
  ExpectSame(ToApiStatus(TooLargeVersionError("Too large resource version: 9, current: 7")),
             TooLarge());
}

TEST(ApiStatusTest, PutsOtherCodesWhereTheyBelong) {
  const auto from = [](int code) {
    ApiStatus status;
    status.code = code;
    status.message = "m";
    return FromApiStatus(status);
  };
  EXPECT_TRUE(weir::IsInvalidArgument(from(405)));
  EXPECT_TRUE(weir::IsInvalidArgument(from(409)));
  EXPECT_TRUE(weir::IsUnavailable(from(502)));
  EXPECT_EQ(from(500), InternalError("m"));
  EXPECT_EQ(from(200), InternalError("m"));
  EXPECT_EQ(from(0), InternalError("m"));
}

}  // namespace
}  // namespace weir
