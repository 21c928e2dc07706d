// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/decision.h"

#include <string>

namespace weir {
namespace {

RequestHead Get(std::string target) {
  RequestHead head;
  head.method = "GET";
  head.target = std::move(target);
  head.end_of_stream = true;
  return head;
}

struct Row {
  std::string target;
  ForwardReason reason = ForwardReason::kNone;  // kNone: from the cache.
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.target; }

class DecisionTableTest : public testing::TestWithParam<Row> {};

TEST_P(DecisionTableTest, DecidesAsTheTableSays) {
  const RequestHead head = Get(GetParam().target);
  const Decision decision = Decide(head, {});
  EXPECT_EQ(ForwardReasonName(decision.reason), ForwardReasonName(GetParam().reason));
  EXPECT_EQ(decision.kind == Decision::Kind::kForward, GetParam().reason != ForwardReason::kNone);
}

using R = ForwardReason;

INSTANTIATE_TEST_SUITE_P(
    Lists, DecisionTableTest,
    testing::Values(
        Row{"/api/v1/pods?resourceVersion=0"}, Row{"/api/v1/pods?resourceVersion=0&limit=500"},
        Row{"/api/v1/pods?resourceVersion=12"},
        Row{"/api/v1/pods?resourceVersion=12&resourceVersionMatch=NotOlderThan"},
        Row{"/api/v1/pods?resourceVersion=0&resourceVersionMatch=NotOlderThan"},
        Row{"/api/v1/pods?resourceVersion=0&timeout=32s"},
        Row{"/api/v1/namespaces/a/pods?resourceVersion=0&labelSelector=app%3Dx"},
        Row{"/api/v1/pods?resourceVersion=0&fieldSelector=metadata.name%3Dx"},
        Row{"/apis/apps/v1/deployments?resourceVersion=0"}, Row{"/api/v1/pods", R::kConsistentRead},
        Row{"/api/v1/pods?limit=500", R::kConsistentRead},
        Row{"/api/v1/pods?resourceVersion=", R::kConsistentRead},
        Row{"/api/v1/pods?resourceVersion=0&resourceVersionMatch=NotOlderThan&limit=5",
            R::kPagedRead},
        Row{"/api/v1/pods?resourceVersion=12&limit=5", R::kPagedRead},
        Row{"/api/v1/pods?resourceVersion=12&resourceVersionMatch=Exact", R::kPagedRead},
        Row{"/api/v1/pods?limit=5&continue=abc", R::kPagedRead},
        Row{"/api/v1/pods?resourceVersion=0&resourceVersionMatch=Roughly", R::kOptions},
        Row{"/api/v1/pods?resourceVersionMatch=NotOlderThan", R::kOptions},
        Row{"/api/v1/pods?resourceVersion=0&sendInitialEvents=false", R::kOptions},
        Row{"/api/v1/pods?resourceVersion=abc", R::kOptions},
        Row{"/api/v1/pods?resourceVersion=007", R::kOptions},
        Row{"/api/v1/pods?resourceVersion=-1", R::kOptions},
        Row{"/api/v1/pods?resourceVersion=0&limit=-1", R::kOptions},
        Row{"/api/v1/pods?resourceVersion=0&limit=x", R::kOptions},
        Row{"/api/v1/pods?resourceVersion=0&shardSelector=x", R::kOptions},
        Row{"/api/v1/pods?resourceVersion=0&pretty=true", R::kOptions},
        Row{"/api/v1/pods?resourceVersion=0&labelSelector=a+is+b", R::kSelector},
        Row{"/api/v1/pods?resourceVersion=0&fieldSelector=spec.nodeName", R::kSelector},
        Row{"/api/v1/pods?resourceVersion=0&fieldSelector=spec.nodeName%3Dn"}));

INSTANTIATE_TEST_SUITE_P(
    Watches, DecisionTableTest,
    testing::Values(
        Row{"/api/v1/pods?watch=true&resourceVersion=12"},
        Row{"/api/v1/pods?watch=1&resourceVersion=0"},
        Row{"/api/v1/pods?watch&resourceVersion=5&timeoutSeconds=300&allowWatchBookmarks=true"},
        Row{"/api/v1/pods?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"},
        Row{"/api/v1/pods?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
            "&resourceVersion=7"},
        Row{"/api/v1/pods?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"
            "&resourceVersion=7"},
        Row{"/api/v1/pods?watch=1&resourceVersion=5&fieldSelector=metadata.name%3Dx"},
        Row{"/api/v1/pods?watch=1"},
        Row{"/api/v1/pods?watch=1&resourceVersion=0&sendInitialEvents=false"
            "&resourceVersionMatch=NotOlderThan"},
        Row{"/api/v1/pods?watch=1&resourceVersion=5&resourceVersionMatch=NotOlderThan",
            R::kOptions},
        Row{"/api/v1/pods?watch=1&resourceVersion=0&sendInitialEvents=true", R::kOptions},
        Row{"/api/v1/pods?watch=1&sendInitialEvents=true&resourceVersionMatch=Exact", R::kOptions},
        Row{"/api/v1/pods?watch=1&resourceVersion=5&continue=x", R::kOptions},
        Row{"/api/v1/pods?watch=1&resourceVersion=5&timeoutSeconds=-1", R::kOptions},
        Row{"/api/v1/pods?watch=1&resourceVersion=5&timeoutSeconds=soon", R::kOptions},
        Row{"/api/v1/pods?watch=1&resourceVersion=x", R::kOptions}));

INSTANTIATE_TEST_SUITE_P(
    Others, DecisionTableTest,
    testing::Values(Row{"/version", R::kNonResource}, Row{"/api/v1", R::kNonResource},
                    Row{"/apis/apps/v1", R::kNonResource}, Row{"/", R::kNonResource},
                    Row{"", R::kNonResource},
                    Row{"/api/v1/pods/?resourceVersion=0", R::kNonResource},
                    Row{"//api/v1/pods?resourceVersion=0", R::kNonResource},
                    Row{"/api/v1/%70ods?resourceVersion=0", R::kNonResource},
                    Row{"/api/v1/namespaces/a/../pods?resourceVersion=0", R::kNonResource},
                    Row{"/api/v1/namespaces/a/pods/p?resourceVersion=0"},
                    Row{"/api/v1/namespaces/a/pods/p?resourceVersion=12&timeout=5s"},
                    Row{"/api/v1/namespaces/a?resourceVersion=0"},
                    Row{"/api/v1/namespaces/a/pods/p", R::kNamedGet},
                    Row{"/api/v1/namespaces/a/pods/p?resourceVersion=", R::kNamedGet},
                    Row{"/api/v1/namespaces/a/pods/p?watch=true", R::kOptions},
                    Row{"/api/v1/namespaces/a/pods/p?resourceVersion=0&limit=1", R::kOptions},
                    Row{"/api/v1/namespaces/a/pods/p?resourceVersion=x", R::kOptions},
                    Row{"/api/v1/namespaces/a/pods/p?resourceVersion=0&pretty=1", R::kOptions},
                    Row{"/api/v1/namespaces/a/secrets/s?resourceVersion=0", R::kNeverCached},
                    Row{"/api/v1/namespaces/a", R::kNamedGet},
                    Row{"/api/v1/namespaces/a/pods/p/log?follow=true", R::kSubresource},
                    Row{"/api/v1/watch/pods?resourceVersion=0", R::kSubresource},
                    Row{"/api/v1/proxy/pods?resourceVersion=0", R::kNonResource},
                    Row{"/api/v1/secrets?resourceVersion=0", R::kNeverCached},
                    Row{"/api/v1/events?resourceVersion=0", R::kNeverCached},
                    Row{"/apis/events.k8s.io/v1/events?resourceVersion=0", R::kNeverCached},
                    Row{"/apis/coordination.k8s.io/v1/leases?resourceVersion=0", R::kNeverCached},
                    Row{"/api/v1/componentstatuses?resourceVersion=0", R::kNeverCached},
                    Row{"/apis/metrics.k8s.io/v1beta1/pods?resourceVersion=0", R::kNeverCached},
                    Row{"/apis/custom.metrics.k8s.io/v1beta1/x?resourceVersion=0", R::kNeverCached},
                    Row{"/apis/authentication.k8s.io/v1/tokenreviews?resourceVersion=0",
                        R::kNeverCached},
                    // Of another group, these are resources like others.
                    Row{"/apis/example.com/v1/secrets?resourceVersion=0"},
                    Row{"/apis/example.com/v1/events?resourceVersion=0"},
                    Row{"/apis/example.com/v1/leases?resourceVersion=0"}));

constexpr std::string_view kList = "/api/v1/namespaces/a/pods?resourceVersion=0";

Decision DecideWith(RequestHead head) { return Decide(head, {}); }

RequestHead ListWith(std::string_view name, std::string_view value) {
  RequestHead head = Get(std::string(kList));
  head.headers.Add(name, value);
  return head;
}

TEST(DecisionTest, OnlyGetIsARead) {
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "get", ""}) {
    RequestHead head = Get(std::string(kList));
    head.method = method;
    EXPECT_EQ(DecideWith(head).reason, ForwardReason::kWrite) << method;
  }
}

TEST(DecisionTest, UpgradesAndBodiesAreForwarded) {
  RequestHead head = Get(std::string(kList));
  head.upgrade = "websocket";
  EXPECT_EQ(DecideWith(head).reason, ForwardReason::kUpgrade);
  head = Get(std::string(kList));
  head.end_of_stream = false;
  EXPECT_EQ(DecideWith(head).reason, ForwardReason::kUpgrade);
}

TEST(DecisionTest, ImpersonationOfAnyKindIsForwarded) {
  for (const char* name : {"Impersonate-User", "impersonate-group", "IMPERSONATE-EXTRA-x"}) {
    EXPECT_EQ(DecideWith(ListWith(name, "x")).reason, ForwardReason::kImpersonation) << name;
  }
  EXPECT_EQ(DecideWith(ListWith("X-Impersonate-User", "x")).reason, ForwardReason::kNone);
}

TEST(DecisionTest, RepresentationsThatAreNotKeptAreForwarded) {
  for (const char* accept : {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
                             "application/yaml", "application/cbor", "text/html"}) {
    EXPECT_EQ(DecideWith(ListWith("Accept", accept)).reason, ForwardReason::kRepresentation)
        << accept;
  }
}

TEST(DecisionTest, MetadataOnlyIsPartOfTheKey) {
  const Decision list =
      DecideWith(ListWith("Accept",
                          "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;"
                          "g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;"
                          "g=meta.k8s.io;v=v1,application/json"));
  EXPECT_EQ(list.reason, ForwardReason::kNone);
  EXPECT_TRUE(list.key.metadata_only);
  EXPECT_EQ(list.key.representation, Representation::kProtobuf);
  EXPECT_FALSE(DecideWith(Get(std::string(kList))).key.metadata_only);
}

TEST(DecisionTest, RepresentationIsPartOfTheKey) {
  EXPECT_EQ(DecideWith(Get(std::string(kList))).key.representation, Representation::kJson);
  const Decision decision =
      DecideWith(ListWith("Accept", "application/vnd.kubernetes.protobuf,application/json"));
  EXPECT_EQ(decision.key.representation, Representation::kProtobuf);
  EXPECT_EQ(decision.fallback, Representation::kJson);
  EXPECT_EQ(DecideWith(ListWith("Accept", "application/vnd.kubernetes.protobuf")).fallback,
            std::nullopt);
}

TEST(DecisionTest, KeyIsWhatWasAskedFor) {
  const RequestHead head =
      Get("/apis/apps/v1/namespaces/a/deployments?resourceVersion=5&labelSelector=x%3Dy"
          "&fieldSelector=metadata.name%3Dz");
  const Decision decision = Decide(head, {});
  EXPECT_EQ(decision.kind, Decision::Kind::kList);
  EXPECT_EQ(decision.key.resource, (GroupVersionResource{"apps", "v1", "deployments"}));
  EXPECT_EQ(decision.key.namespace_name, "a");
  EXPECT_EQ(decision.key.label_selector, "x=y");
  EXPECT_EQ(decision.key.field_selector, "metadata.name=z");
  EXPECT_EQ(decision.at_least, ResourceVersion(5));
}

Decision DecideWatch(std::string_view query) {
  return Decide(Get("/api/v1/pods?watch=1&" + std::string(query)), {});
}

// Its path has its own name where others have that of their namespace.
TEST(DecisionTest, ANamespaceIsInNone) {
  const RequestHead head = Get("/api/v1/namespaces/a?resourceVersion=0");
  EXPECT_EQ(Decide(head, {}).kind, Decision::Kind::kGet);
  EXPECT_EQ(Decide(head, {}).key.namespace_name, "");
}

TEST(DecisionTest, WatchFromAVersionHasNoInitialEvents) {
  const Decision decision = DecideWatch("resourceVersion=9&timeoutSeconds=30");
  EXPECT_EQ(decision.kind, Decision::Kind::kWatch);
  EXPECT_FALSE(decision.initial_events);
  EXPECT_FALSE(decision.bookmarks);
  EXPECT_EQ(decision.at_least, ResourceVersion(9));
  EXPECT_EQ(decision.timeout, absl::Seconds(30));
}

TEST(DecisionTest, WatchFromZeroBeginsWithEveryObject) {
  EXPECT_TRUE(DecideWatch("resourceVersion=0").initial_events);
  EXPECT_FALSE(DecideWatch("resourceVersion=0").stream_list);
  EXPECT_FALSE(DecideWatch("resourceVersion=0&sendInitialEvents=false"
                           "&resourceVersionMatch=NotOlderThan")
                   .initial_events);
}

TEST(DecisionTest, WatchFromTheMostRecentFollowsThePolicyForStarts) {
  for (const char* query :
       {"", "allowWatchBookmarks=true", "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
        "sendInitialEvents=false&resourceVersionMatch=NotOlderThan"}) {
    DecisionOptions options;
    const RequestHead head = Get("/api/v1/pods?watch=1&" + std::string(query));
    EXPECT_TRUE(Decide(head, options).most_recent) << query;
    EXPECT_EQ(Decide(head, options).freshness, Freshness::kRelaxed) << query;
    options.policies["pods"].initial_sync = Freshness::kVerified;
    EXPECT_EQ(Decide(head, options).freshness, Freshness::kVerified) << query;
    options.policies["pods"].initial_sync = Freshness::kForward;
    EXPECT_EQ(Decide(head, options).reason, ForwardReason::kConsistentRead) << query;
  }
}

TEST(DecisionTest, ConsistentReadsFollowThePolicyForThem) {
  DecisionOptions options;
  const RequestHead list = Get("/api/v1/pods?limit=500");
  const RequestHead get = Get("/api/v1/namespaces/a/pods/p");
  options.policy.consistent_reads = Freshness::kVerified;
  EXPECT_EQ(Decide(list, options).kind, Decision::Kind::kList);
  EXPECT_EQ(Decide(list, options).freshness, Freshness::kVerified);
  EXPECT_EQ(Decide(list, options).limit, 500);
  EXPECT_EQ(Decide(get, options).reason, ForwardReason::kNamedGet);
  options.policy.consistent_reads = Freshness::kRelaxed;
  EXPECT_EQ(Decide(list, options).freshness, Freshness::kRelaxed);
  EXPECT_EQ(Decide(get, options).kind, Decision::Kind::kGet);
  EXPECT_TRUE(Decide(get, options).most_recent);
  options.policies["pods"].consistent_reads = Freshness::kForward;
  EXPECT_EQ(Decide(list, options).reason, ForwardReason::kConsistentRead);
}

TEST(DecisionTest, StreamListSaysWhenItsObjectsEndIfBookmarksAreAllowed) {
  constexpr std::string_view kStreamList =
      "sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  EXPECT_TRUE(DecideWatch(kStreamList).initial_events);
  EXPECT_TRUE(DecideWatch(kStreamList).most_recent);
  EXPECT_TRUE(DecideWatch(kStreamList).stream_list);
  EXPECT_FALSE(DecideWatch(kStreamList).bookmarks);
  const std::string at_seven =
      std::string(kStreamList) + "&allowWatchBookmarks=true&resourceVersion=7";
  EXPECT_TRUE(DecideWatch(at_seven).bookmarks);
  EXPECT_FALSE(DecideWatch(at_seven).most_recent);
  EXPECT_EQ(DecideWatch(at_seven).at_least, ResourceVersion(7));
}

TEST(DecisionTest, ConfigurationSaysWhatIsCached) {
  DecisionOptions options;
  options.cache_secrets = true;
  options.never_cached.insert("deployments.apps");
  EXPECT_EQ(Decide(Get("/api/v1/secrets?resourceVersion=0"), options).reason, ForwardReason::kNone);
  EXPECT_EQ(Decide(Get("/apis/apps/v1/deployments?resourceVersion=0"), options).reason,
            ForwardReason::kNeverCached);
  options.never_cached.insert("secrets");
  EXPECT_EQ(Decide(Get("/api/v1/secrets?resourceVersion=0"), options).reason,
            ForwardReason::kNeverCached);
}

}  // namespace
}  // namespace weir
