// SPDX-License-Identifier: Apache-2.0
//
// Query parameters: how they are read, and what is said about those that make no sense.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string Forbidden(std::string_view field, std::string_view text) {
  return StrCat("ListOptions.meta.k8s.io \"\" is invalid: ", field, ": Forbidden: ", text);
}

TEST_P(WatchContractTest, MatchWithoutAVersionIsForbidden) {
  ExpectError(Url("resourceVersionMatch=Exact"), 422,
              Forbidden("resourceVersionMatch",
                        "resourceVersionMatch is forbidden unless resourceVersion is provided"));
  ExpectError(Url("resourceVersionMatch=NotOlderThan"), 422,
              Forbidden("resourceVersionMatch",
                        "resourceVersionMatch is forbidden unless resourceVersion is provided"));
}

TEST_P(WatchContractTest, MatchExactAtVersionZeroIsForbidden) {
  ExpectError(Url("resourceVersionMatch=Exact&resourceVersion=0"), 422,
              Forbidden("resourceVersionMatch",
                        "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
}

TEST_P(WatchContractTest, MatchWithContinueIsForbidden) {
  ExpectError(Url("resourceVersionMatch=NotOlderThan&resourceVersion=5&continue=x"), 422,
              Forbidden("resourceVersionMatch",
                        "resourceVersionMatch is forbidden when continue is provided"));
}

TEST_P(WatchContractTest, MatchOfAnotherNameIsNotSupported) {
  ExpectError(Url("resourceVersionMatch=Roughly&resourceVersion=5"), 422,
              "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Unsupported value: "
              "\"Roughly\": supported values: \"Exact\", \"NotOlderThan\", \"\"");
}

TEST_P(WatchContractTest, InitialEventsAreForbiddenForLists) {
  for (const char* value : {"true", "false"}) {
    ExpectError(Url(StrCat("sendInitialEvents=", value)), 422,
                Forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
}

TEST_P(WatchContractTest, InitialEventsNeedMatchNotOlderThan) {
  const std::string message =
      Forbidden("resourceVersionMatch",
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  ExpectError(Url("watch=1&sendInitialEvents=true"), 422, message);
  ExpectError(Url("watch=1&sendInitialEvents=false"), 422, message);
}

TEST_P(WatchContractTest, EveryMistakeInTheOptionsIsNamed) {
  ExpectError(Url("watch=1&sendInitialEvents=true&resourceVersion=0&resourceVersionMatch=Exact"),
              422,
              "ListOptions.meta.k8s.io \"\" is invalid: [resourceVersionMatch: Forbidden: "
              "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, "
              "resourceVersionMatch: Unsupported value: \"Exact\": supported values: "
              "\"NotOlderThan\"]");
}

TEST_P(WatchContractTest, MatchNeedsInitialEventsInAWatch) {
  ExpectError(
      Url("watch=1&resourceVersion=5&resourceVersionMatch=NotOlderThan"), 422,
      Forbidden(
          "resourceVersionMatch",
          "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
}

TEST_P(WatchContractTest, InvalidOptionsNameTheFieldInTheDetails) {
  const TestResponse invalid =
      client_->Get(Url("resourceVersionMatch=Exact"), Accept(Representation::kJson));
  EXPECT_THAT(invalid.body,
              HasSubstr(R"("reason":"Invalid","details":{"group":"meta.k8s.io",)"
                        R"("kind":"ListOptions","causes":[{"reason":"FieldValueForbidden",)"
                        R"("message":"Forbidden: resourceVersionMatch is forbidden unless )"
                        R"(resourceVersion is provided","field":"resourceVersionMatch"}]},)"
                        R"("code":422})"));
}

TEST_P(WatchContractTest, LimitThatIsNoNumberIsABadRequest) {
  ExpectError(Url("limit=ten"), 400, "strconv.ParseInt: parsing \"ten\": invalid syntax");
}

TEST_P(WatchContractTest, TimeoutSecondsThatIsNoNumberIsABadRequest) {
  for (const char* query : {"timeoutSeconds=soon", "watch=1&timeoutSeconds=soon"}) {
    ExpectError(Url(query), 400, "strconv.ParseInt: parsing \"soon\": invalid syntax");
  }
}

TEST_P(WatchContractTest, VersionThatIsNoNumberIsABadRequestOfAList) {
  ExpectError(Url("resourceVersion=abc"), 400,
              "invalid resource version: resourceVersion: Invalid value: \"abc\": "
              "strconv.ParseUint: parsing \"abc\": "
              "invalid syntax");
}

TEST_P(WatchContractTest, VersionThatIsNoNumberIsAServerErrorOfAWatch) {
  ExpectError(Url("watch=1&resourceVersion=abc"), 500,
              "resourceVersion: Invalid value: \"abc\": strconv.ParseUint: parsing \"abc\": "
              "invalid syntax");
}

TEST_P(WatchContractTest, VersionOfTooManyDigitsGetsTheApiServersAnswer) {
  Warm();
  for (const char* version :
       {"18446744073709551616", "99999999999999999999999", "007", "+5", "5 "}) {
    SCOPED_TRACE(version);
    ExpectSameAnswer("GET", Url(StrCat("resourceVersion=", QueryEscape(version))), Accepting());
  }
}

TEST_P(WatchContractTest, ContinueThatCannotBeReadIsABadRequest) {
  const TestResponse refused = client_->Get(Url("continue=xyz"), Accept(Representation::kJson));
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body,
              HasSubstr(R"("message":"invalid continue token: continue key is not valid: )"));
  ExpectSameAnswer("GET", Url("continue=xyz"), Accepting());
}

TEST_P(WatchContractTest, VersionWithContinueIsABadRequest) {
  for (const char* name : {"a", "b"}) Create("default", name);
  const std::string token = Decode(List("limit=1", "default")).continue_token;
  ExpectError(Url(StrCat("limit=1&resourceVersion=5&continue=", token), "default"), 400,
              "specifying resource version is not allowed when using continue");
}

TEST_P(WatchContractTest, WatchIsTrueForAnyWordButTwo) {
  Create("default", "a");
  Warm();
  for (const char* watching : {"watch", "watch=", "watch=1", "watch=yes", "watch=TRUE"}) {
    SCOPED_TRACE(watching);
    const auto watch =
        client_->Watch(Url(StrCat(watching, "&resourceVersion=0"), "default"), Accepting());
    EXPECT_EQ(watch->Next()->type, "ADDED");
  }
  for (const char* listing : {"watch=0", "watch=false", "watch=False", "watch=FALSE"}) {
    SCOPED_TRACE(listing);
    EXPECT_THAT(Keys(List(StrCat(listing, "&resourceVersion=0"))), ElementsAre("default/a"));
  }
}

TEST_P(WatchContractTest, FirstOfRepeatedParametersCounts) {
  Create("default", "a");
  Create("default", "b");
  Warm();
  EXPECT_THAT(Keys(List("resourceVersion=0&resourceVersion=abc")),
              ElementsAre("default/a", "default/b"));
  EXPECT_THAT(Keys(List("fieldSelector=metadata.name%3Da&fieldSelector=metadata.name%3Db"
                        "&resourceVersion=0")),
              ElementsAre("default/a"));
  EXPECT_THAT(Keys(List("limit=1&limit=2", "default")), ElementsAre("default/a"));
  EXPECT_EQ(List("watch=0&watch=1&resourceVersion=0").headers.Get("Content-Type"),
            Accepting()[0].second);
}

TEST_P(WatchContractTest, UnknownParametersChangeNothing) {
  Create("default", "a");
  Warm();
  ExpectSameAnswer("GET", Url("resourceVersion=0&colour=red"), Accepting());
  EXPECT_THAT(Keys(List("resourceVersion=0&colour=red&Limit=x")), ElementsAre("default/a"));
}

TEST_P(WatchContractTest, ParametersMayBeEscaped) {
  Create("default", "a");
  Create("default", "b");
  Warm();
  EXPECT_THAT(Keys(List("%72esourceVersion=%30&fieldSelector=metadata%2Ename%3D%3Da")),
              ElementsAre("default/a"));
  ExpectSameAnswer("GET", Url("%72esourceVersion=%30"), Accepting());
}

TEST_P(WatchContractTest, QueriesThatDoNotParseGetTheApiServersAnswer) {
  Create("default", "a");
  Warm();
  for (const char* query :
       {"resourceVersion=0;limit=1", "resourceVersion=%zz", "resourceVersion=0&%",
        "&&resourceVersion=0&", "=5&resourceVersion=0", "resourceVersion"}) {
    SCOPED_TRACE(query);
    ExpectSameAnswer("GET", Url(query), Accepting());
  }
}

TEST_P(WatchContractTest, LimitZeroIsNoLimit) {
  Create("default", "a");
  Create("default", "b");
  Warm();
  for (const char* query : {"limit=0", "limit=0&resourceVersion=0", "limit="}) {
    SCOPED_TRACE(query);
    ExpectSameAnswer("GET", Url(query, "default"), Accepting());
  }
  EXPECT_THAT(Keys(List("limit=0&resourceVersion=0")), ElementsAre("default/a", "default/b"));
}

TEST_P(WatchContractTest, NegativeLimitGetsTheApiServersAnswer) {
  Create("default", "a");
  Warm();
  ExpectSameAnswer("GET", Url("limit=-1", "default"), Accepting());
  ExpectSameAnswer("GET", Url("limit=-1&resourceVersion=0", "default"), Accepting());
}

TEST_P(WatchContractTest, TimeoutOfAListChangesNothing) {
  Create("default", "a");
  Warm();
  EXPECT_THAT(Keys(List("resourceVersion=0&timeout=32s")), ElementsAre("default/a"));
  EXPECT_THAT(Keys(List("resourceVersion=0&timeoutSeconds=5")), ElementsAre("default/a"));
}

TEST_P(WatchContractTest, TimeoutThatIsNoDurationIsABadRequest) {
  const TestResponse refused =
      client_->Get(Url("resourceVersion=0&timeout=soon"), Accept(Representation::kJson));
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("invalid timeout specified in the request URL"));
  ExpectSameAnswer("GET", Url("resourceVersion=0&timeout=soon"), Accepting());
}

TEST_P(WatchContractTest, PrettyListsAreIndented) {
  Create("default", "a");
  Warm();
  const TestHeaders json = Accept(Representation::kJson);
  const TestResponse list = client_->Get(Url("resourceVersion=0&pretty=true", "default"), json);
  EXPECT_THAT(list.body, StartsWith("{\n  \""));
  for (const char* query : {"resourceVersion=0&pretty=true", "resourceVersion=0&pretty=1",
                            "resourceVersion=0&pretty=0", "pretty=false"}) {
    SCOPED_TRACE(query);
    ExpectSameAnswer("GET", Url(query, "default"), json);
  }
}

TEST_P(WatchContractTest, PeopleAtATerminalGetIndentedLists) {
  Create("default", "a");
  Warm();
  for (const char* agent : {"curl/8.5.0", "Wget/1.21", "Mozilla/5.0 (X11)", "kubectl/v1.36"}) {
    SCOPED_TRACE(agent);
    TestHeaders headers = Accept(Representation::kJson);
    headers.emplace_back("User-Agent", agent);
    const TestResponse list = client_->Get(Url("resourceVersion=0", "default"), headers);
    EXPECT_EQ(list.body.find("\n  ") != std::string::npos, agent[0] != 'k');
    ExpectSameAnswer("GET", Url("resourceVersion=0", "default"), headers);
  }
}

TEST_P(WatchContractTest, WatchEventsAreNeverIndented) {
  Create("default", "a");
  Warm();
  const auto watch = client_->Watch(Url("watch=1&resourceVersion=0&pretty=true", "default"),
                                    Accept(Representation::kJson));
  const auto event = watch->Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->type, "ADDED");
  EXPECT_EQ(event->frame.find('\n'), event->frame.size() - 1);
}

}  // namespace
}  // namespace weir
