// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/write_observer.h"

#include <string>

#include "proxy/base/strings.h"
#include "tests/support/fake_response_writer.h"
#include "tests/support/manual_dispatcher.h"

namespace weir {
namespace {

const GroupVersionResource kConfigMaps = {"", "v1", "configmaps"};

class WriteObserverTest : public testing::Test {
 protected:
  void Head(int status, std::string_view content_type) {
    ResponseHead head;
    head.status = status;
    if (!content_type.empty()) head.headers.Add("Content-Type", content_type);
    observer_.SendHead(head);
  }
  static std::string Object(int version) {
    return StrCat(R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","uid":"u",)",
                  R"("resourceVersion":")", version, "\"}}\n");
  }
  ResourceVersion noted() { return written_.Get(kConfigMaps); }

  ManualDispatcher dispatcher_;
  FakeResponseWriter writer_{dispatcher_};
  VersionFloors written_;
  WriteObserver observer_{writer_, written_, kConfigMaps};
};

TEST_F(WriteObserverTest, NotesTheVersionBeforeTheClientHasTheAnswer) {
  Head(201, "application/json");
  EXPECT_EQ(writer_.status(), 201);
  observer_.SendBody(Bytes::Copy(Object(7).substr(0, 20)));
  observer_.SendBody(Bytes::Copy(Object(7).substr(20)));
  EXPECT_EQ(writer_.body(), "");
  EXPECT_GT(observer_.queued_bytes(), 0u);
  observer_.End({});
  EXPECT_EQ(noted(), ResourceVersion(7));
  EXPECT_EQ(writer_.body(), Object(7));
  EXPECT_TRUE(writer_.ended());
}

TEST_F(WriteObserverTest, NotesNothingOfAFailure) {
  Head(409, "application/json");
  observer_.SendBody(Bytes::Copy(Object(7)));
  EXPECT_EQ(writer_.body(), Object(7)) << "not held back";
  observer_.End({});
  EXPECT_FALSE(noted().is_set());
}

TEST_F(WriteObserverTest, NotesNothingOfAStatus) {
  Head(200, "application/json");
  observer_.SendBody(
      Bytes::Static(R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"})"));
  observer_.End({});
  EXPECT_FALSE(noted().is_set());
  EXPECT_TRUE(writer_.ended());
  EXPECT_NE(writer_.body(), "");
}

TEST_F(WriteObserverTest, PassesOnWhatItCannotRead) {
  Head(200, "text/plain");
  observer_.SendBody(Bytes::Static("hello"));
  EXPECT_EQ(writer_.body(), "hello");
}

TEST_F(WriteObserverTest, PassesOnNonsense) {
  Head(200, "application/json");
  observer_.SendBody(Bytes::Static("{\"metadata\":"));
  observer_.End({});
  EXPECT_EQ(writer_.body(), "{\"metadata\":");
  EXPECT_TRUE(writer_.ended());
}

TEST_F(WriteObserverTest, PassesOnWhatIsLargerThanAnyObject) {
  Head(200, "application/json");
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 6; ++i) observer_.SendBody(Bytes::Copy(piece));
  EXPECT_EQ(writer_.body().size(), 6u << 20);
}

TEST_F(WriteObserverTest, CutAnswerStaysCut) {
  Head(200, "application/json");
  observer_.SendBody(Bytes::Copy(Object(7)));
  observer_.Reset();
  EXPECT_TRUE(writer_.was_reset());
  EXPECT_FALSE(noted().is_set());
}

}  // namespace
}  // namespace weir
