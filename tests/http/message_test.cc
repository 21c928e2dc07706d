// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/strings.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(HeaderListTest, FindsTheFirstOfANameWhateverItsCase) {
  HeaderList headers;
  headers.Add("Accept", "a");
  headers.Add("accept", "b");
  EXPECT_EQ(headers.Get("ACCEPT"), "a");
  EXPECT_EQ(headers.Get("Other"), "");
  EXPECT_TRUE(headers.Has("accept"));
  EXPECT_FALSE(headers.Has("other"));
}

TEST(HeaderListTest, SetsOneValueInPlaceOfAll) {
  HeaderList headers;
  headers.Add("a", "1");
  headers.Add("b", "2");
  headers.Add("A", "3");
  headers.Set("a", headers.Get("b"));
  EXPECT_THAT(headers.fields(), ElementsAre(Pair("b", "2"), Pair("a", "2")));
}

TEST(HeaderListTest, FindsTokensInLists) {
  HeaderList headers;
  headers.Add("Connection", "keep-alive, Upgrade");
  headers.Add("Connection", "close");
  EXPECT_TRUE(headers.HasToken("connection", "upgrade"));
  EXPECT_TRUE(headers.HasToken("connection", "CLOSE"));
  EXPECT_FALSE(headers.HasToken("connection", "keep"));
}

TEST(HeaderListTest, RemovesWhatIsMeantForOneHopOnly) {
  HeaderList headers;
  headers.Add("Connection", "X-Mine, close");
  headers.Add("x-mine", "1");
  headers.Add("TE", "trailers");
  headers.Add("Transfer-Encoding", "chunked");
  headers.Add("Upgrade", "h2c");
  headers.Add("Keep-Alive", "timeout=5");
  headers.Add("Content-Length", "3");
  headers.Add("Authorization", "Bearer x");
  headers.RemoveHopByHop();
  EXPECT_THAT(headers.fields(),
              ElementsAre(Pair("Content-Length", "3"), Pair("Authorization", "Bearer x")));
}

// If each header were compared with each name, this would not end within ctest's limit.
// Who a request is made by is for the API server to read, whatever Connection says: without them
// it would be answered as somebody else's.
TEST(HeaderListTest, NobodyIsMadeSomebodyElseByConnection) {
  HeaderList headers;
  headers.Add("Connection", "authorization, Impersonate-User, impersonate-extra-scopes, X-One");
  headers.Add("Authorization", "Bearer t");
  headers.Add("Impersonate-User", "jane");
  headers.Add("Impersonate-Extra-scopes", "view");
  headers.Add("X-One", "1");
  headers.RemoveHopByHop();
  EXPECT_EQ(headers.Get("Authorization"), "Bearer t");
  EXPECT_EQ(headers.Get("Impersonate-User"), "jane");
  EXPECT_EQ(headers.Get("Impersonate-Extra-scopes"), "view");
  EXPECT_FALSE(headers.Has("X-One"));
  EXPECT_FALSE(headers.Has("Connection"));
}

TEST(HeaderListTest, FindsTheNamedAmongVeryManyNamesAndHeaders) {
  HeaderList headers;
  for (int i = 0; i < 100; ++i) headers.Add("Connection", std::string(500000, ','));
  std::string named;
  for (int i = 0; i < 15000; ++i) named.append(StrCat("x", i, ", "));
  headers.Add("connection", named);
  for (int i = 0; i < 15000; ++i) headers.Add(StrCat("X", 2 * i), "");
  headers.RemoveHopByHop();
  ASSERT_EQ(headers.fields().size(), 7500u);
  EXPECT_EQ(headers.fields().front().first, "X15000");
}

TEST(HeaderListTest, MeasuresAsHpackDoes) {
  HeaderList headers;
  headers.Add("ab", "c");
  EXPECT_EQ(headers.bytes(), 35u);
}

}  // namespace
}  // namespace weir
