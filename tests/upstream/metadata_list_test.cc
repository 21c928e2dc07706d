// SPDX-License-Identifier: Apache-2.0
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"
#include "proxy/upstream/api_server_client.h"
#include "tests/upstream/proxy_fixture.h"

// Lists of metadata: those that prove a cache current, and those of a cache of metadata.

namespace weir {
namespace {

using testing::ElementsAre;

constexpr std::string_view kBoth =
    "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

std::string MetadataList(std::string_view list_metadata = R"("resourceVersion":"105")") {
  return StrCat(R"({"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1",)",
                R"("metadata":{)", list_metadata, R"(},"items":[)",
                R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":)",
                R"({"name":"a","namespace":"x","uid":"u-a","resourceVersion":"7"}},)",
                R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":)",
                R"({"name":"b","namespace":"y","uid":"u-b","resourceVersion":"9"}}]})", "\n");
}

class MetadataListTest : public ProxyFixture {
 protected:
  MetadataListTest() : ProxyFixture("h2", "h2") { key_.resource = {"", "v1", "pods"}; }
  ~MetadataListTest() override { handle_.reset(); }

  void ListMetadata(ResourceVersion at_least = {}) {
    source_ = NewApiServerSource(upstream_, key_);
    handle_ = source_->ListMetadata(at_least, [this](absl::StatusOr<ObjectVersions> versions) {
      ++calls_;
      versions_ = std::move(versions);
    });
    EXPECT_EQ(calls_, 0);
    dispatcher_.RunReady();
    ASSERT_EQ(requests_.size(), 1u);
  }
  void List() {
    key_.metadata_only = true;
    source_ = NewApiServerSource(upstream_, key_);
    handle_ = source_->List({}, [this](absl::StatusOr<ObjectList> list) {
      ++calls_;
      list_ = std::move(list);
    });
    dispatcher_.RunReady();
    ASSERT_EQ(requests_.size(), 1u);
  }
  void Answer(std::string_view content_type, std::string_view body) {
    seen().Answer(200, content_type, body);
    dispatcher_.RunReady();
    EXPECT_EQ(calls_, 1);
  }

  CacheKey key_;
  ListerWatcherPtr source_;
  RequestHandle handle_;
  int calls_ = 0;
  absl::StatusOr<ObjectVersions> versions_ = UnavailableError("not called");
  absl::StatusOr<ObjectList> list_ = UnavailableError("not called");
};

std::vector<std::string> ItemsOf(const ObjectVersions& versions) {
  std::vector<std::string> items;
  for (const ObjectVersions::Item& item : versions.items) {
    items.push_back(
        StrCat(item.namespace_name, "/", item.name, " ", item.uid, "@", item.version.ToString()));
  }
  return items;
}

TEST_F(MetadataListTest, ReadsTheMostRecentVersions) {
  own_server_.pipe().max_chunk = 50;
  key_.label_selector = "app";
  ListMetadata();
  EXPECT_EQ(seen().head.target, "/api/v1/pods?resourceVersion=&labelSelector=app");
  EXPECT_EQ(seen().head.headers.Get("accept"), kBoth);
  Answer("application/json", MetadataList());
  ASSERT_TRUE(versions_.ok()) << versions_.status();
  EXPECT_EQ(versions_->version, ResourceVersion(105));
  EXPECT_THAT(ItemsOf(*versions_), ElementsAre("x/a u-a@7", "y/b u-b@9"));
}

TEST_F(MetadataListTest, ReadsNotOlderVersions) {
  ListMetadata(ResourceVersion(100));
  EXPECT_EQ(seen().head.target,
            "/api/v1/pods?resourceVersion=100&resourceVersionMatch=NotOlderThan");
}

// k8s\0, typeMeta, {ListMeta{"", "105", ""}, item{ObjectMeta{a, x, u-a, 7}}}.
TEST_F(MetadataListTest, ReadsProtobufWhateverTheCacheHolds) {
  const auto field = [](int number, const std::string& value) {
    return StrCat(static_cast<char>(number << 3 | 2), static_cast<char>(value.size()), value);
  };
  const std::string meta = StrCat(field(1, "a"), field(3, "x"), field(5, "u-a"), field(6, "7"));
  const std::string message = StrCat(field(1, StrCat(field(1, ""), field(2, "105"), field(3, ""))),
                                     field(2, field(1, meta)));
  const std::string type =
      StrCat(field(1, "meta.k8s.io/v1"), field(2, "PartialObjectMetadataList"));
  ListMetadata();
  Answer("application/vnd.kubernetes.protobuf",
         StrCat(std::string("k8s\0", 4), field(1, type), field(2, message)));
  ASSERT_TRUE(versions_.ok()) << versions_.status();
  EXPECT_EQ(versions_->version, ResourceVersion(105));
  EXPECT_THAT(ItemsOf(*versions_), ElementsAre("x/a u-a@7"));
}

TEST_F(MetadataListTest, APageProvesNothing) {
  ListMetadata();
  Answer("application/json", MetadataList(R"("resourceVersion":"105","continue":"abc")"));
  EXPECT_TRUE(IsInvalidArgument(versions_.status())) << versions_.status();
}

TEST_F(MetadataListTest, ATruncatedListProvesNothing) {
  ListMetadata();
  const std::string whole = MetadataList();
  Answer("application/json", std::string_view(whole).substr(0, whole.size() - 5));
  EXPECT_FALSE(versions_.ok());
}

TEST_F(MetadataListTest, DestroyingItCancels) {
  ListMetadata();
  handle_.reset();
  dispatcher_.RunReady();
  EXPECT_TRUE(seen().reset);
  EXPECT_EQ(calls_, 0);
}

TEST_F(MetadataListTest, ACacheOfMetadataListsMetadata) {
  List();
  EXPECT_EQ(seen().head.target, "/api/v1/pods?resourceVersion=0");
  EXPECT_EQ(seen().head.headers.Get("accept"),
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
  Answer("application/json", MetadataList());
  ASSERT_TRUE(list_.ok()) << list_.status();
  ASSERT_EQ(list_->items.size(), 2u);
  EXPECT_EQ(list_->items[0]->kind(), "PartialObjectMetadata");
}

TEST_F(MetadataListTest, ACacheOfMetadataRefusesWholeObjects) {
  List();
  Answer("application/json",
         R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"105"},"items":[)"
         R"({"metadata":{"name":"a","namespace":"x","uid":"u-a","resourceVersion":"7"}}]})");
  EXPECT_TRUE(IsNotAcceptable(list_.status())) << list_.status();
}

TEST_F(MetadataListTest, ACacheOfMetadataLearnsItsEnvelopeFromMetadata) {
  key_.metadata_only = true;
  key_.representation = Representation::kProtobuf;
  source_ = NewApiServerSource(upstream_, key_);
  handle_ = source_->LearnEnvelope([](const absl::StatusOr<ListEnvelope>& /*envelope*/) {});
  dispatcher_.RunReady();
  EXPECT_EQ(seen().head.headers.Get("accept"),
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
}

}  // namespace
}  // namespace weir
