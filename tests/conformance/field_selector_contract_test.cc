// SPDX-License-Identifier: Apache-2.0
//
// Field selectors, and what is said about selectors that cannot be used.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kNamedA = "fieldSelector=metadata.name%3Da";

TEST_P(WatchContractTest, UnknownFieldIsABadRequest) {
  Warm();
  const std::string message =
      custom() ? "field label not supported: spec.color"
               : "\"spec.color\" is not a known field selector: only \"metadata.name\", "
                 "\"metadata.namespace\"";
  ExpectError(Url("resourceVersion=0&fieldSelector=spec.color%3Dred"), 400, message);
  ExpectError(Url("watch=1&resourceVersion=0&fieldSelector=spec.color%3Dred"), 400, message);
  ExpectError(Url("fieldSelector=metadata.name%3Da,spec.color%21%3Dred"), 400, message);
}

TEST_P(WatchContractTest, FieldWithoutAnOperatorIsABadRequest) {
  Warm();
  ExpectError(Url("resourceVersion=0&fieldSelector=metadata.name"), 400,
              "invalid selector: 'metadata.name'; can't understand 'metadata.name'");
}

TEST_P(WatchContractTest, FieldSelectorHasNoSets) {
  Warm();
  ExpectError(Url("resourceVersion=0&fieldSelector=metadata.name+in+(a)"), 400,
              "invalid selector: 'metadata.name in (a)'; can't understand 'metadata.name in (a)'");
}

TEST_P(WatchContractTest, EscapeThatAFieldSelectorDoesNotKnowIsABadRequest) {
  Warm();
  ExpectError(Url("resourceVersion=0&fieldSelector=metadata.name%3Da%5Cx"), 400,
              "invalid field selector: invalid escape sequence: \\x");
}

TEST_P(WatchContractTest, LabelSelectorThatDoesNotParseIsABadRequest) {
  Warm();
  for (const char* selector : {"app is x", "!", "app in x", "a/b/c", "app=-x", "n>x", "app==="}) {
    SCOPED_TRACE(selector);
    const std::string target = Url("resourceVersion=0&labelSelector=" + QueryEscape(selector));
    const TestResponse refused = client_->Get(target, Accept(Representation::kJson));
    EXPECT_EQ(refused.status, 400);
    EXPECT_THAT(refused.body, HasSubstr(R"("message":"unable to parse requirement: )"));
    EXPECT_THAT(refused.body, HasSubstr(R"("reason":"BadRequest","code":400})"));
    ExpectSameAnswer("GET", target, Accepting());
    ExpectSameAnswer("GET", Url("watch=1&labelSelector=" + QueryEscape(selector)), Accepting());
  }
}

TEST_P(WatchContractTest, NamespaceFieldNarrowsAWatchOfAll) {
  Create("default", "a");
  Warm();
  const auto watch =
      Watch(StrCat("fieldSelector=metadata.namespace%3Dother&resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  Create("default", "b");
  const uint64_t last = Create("other", "c");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED other/c@", last));
}

TEST_P(WatchContractTest, NameFieldNarrowsAWatchOfAll) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat(kNamedA, "&resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  Create("default", "b");
  const uint64_t last = Create("other", "a");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED other/a@", last));
}

TEST_P(WatchContractTest, WatchOfANameFromZeroBeginsWithIt) {
  const uint64_t a = Create("default", "a");
  Create("default", "b");
  Warm();
  const auto watch = Watch(StrCat(kNamedA, "&resourceVersion=0"), "default");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/a@", a));
  const uint64_t deleted = Delete("default", "a");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("DELETED default/a@", deleted));
}

TEST_P(WatchContractTest, WatchOfANameThatIsNotThereWaitsForIt) {
  Create("default", "b");
  Warm();
  const auto watch = Watch(StrCat(kNamedA, "&resourceVersion=0"), "default");
  ASSERT_EQ(watch->status(), 200);
  Set("default", "b", "1");
  const uint64_t a = Create("default", "a");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/a@", a));
}

TEST_P(WatchContractTest, StreamListOfANameHoldsNothingElse) {
  Create("default", "a");
  Create("default", "b");
  Warm();
  const auto watch = Watch(StrCat(kStreamList, "&resourceVersion=0&", kNamedA), "default");
  const auto events = watch->UntilInitialEnd();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].name, "a");
  ExpectSameInitialEvents(Url(StrCat("watch=1&", kStreamList, "&resourceVersion=0&", kNamedA)),
                          Accepting());
}

TEST_P(WatchContractTest, FieldsAndLabelsSelectTogether) {
  Create("default", "a", {{"app", "x"}});
  Create("other", "a", {{"app", "y"}});
  Warm();
  EXPECT_THAT(Keys(List(StrCat("resourceVersion=0&labelSelector=app%3Dx&", kNamedA))),
              ElementsAre("default/a"));
  EXPECT_THAT(
      Keys(List("resourceVersion=0&fieldSelector=metadata.name%3Da,metadata.namespace%3Dnone")),
      IsEmpty());
  EXPECT_THAT(Keys(List("resourceVersion=0&fieldSelector=metadata.name%3Da,metadata.name%3Db")),
              IsEmpty());
}

TEST_P(WatchContractTest, NamespaceFieldThatContradictsThePathSelectsNothing) {
  Create("default", "a");
  Create("other", "a");
  Warm();
  EXPECT_THAT(Keys(List("resourceVersion=0&fieldSelector=metadata.namespace%3Dother", "default")),
              IsEmpty());
}

TEST_P(WatchContractTest, EventsOfFieldSelectionsHaveTheApiServersBytes) {
  const uint64_t since = Create("default", "a");
  Create("default", "b");
  Warm();
  Set("default", "b", "1");
  Set("default", "a", "1");
  const uint64_t last = Delete("default", "a");
  CatchUp();
  ExpectSameEvents(Url(StrCat("watch=1&", kNamedA, "&resourceVersion=", since)), Accepting(), last);
}

TEST_P(WatchContractTest, ClusterScopedKindHasNoNamespaceField) {
  server_.Create("nodes", "", ConfigMapBody("n1"));
  ExpectError("/api/v1/nodes?resourceVersion=0&fieldSelector=metadata.namespace%3Dx", 400,
              "field label not supported: metadata.namespace");
  ExpectError("/api/v1/namespaces/default/nodes?resourceVersion=0", 404,
              "the server could not find the requested resource");
}

}  // namespace
}  // namespace weir
