// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include "gtest/gtest.h"

#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/upstream/upstream.h"

namespace weir {
namespace {

class TokenSourceTest : public testing::Test {
 protected:
  TokenSourceTest() { SetLogLevel(LogLevel::kOff); }
  ~TokenSourceTest() override {
    SetLogLevel(LogLevel::kInfo);
    (void)std::remove(path_.c_str());
  }
  void Write(const std::string& text) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << text;
  }
  absl::StatusOr<std::shared_ptr<TokenSource>> Open(absl::Duration reread = {}) const {
    return TokenSource::FromFile(path_, reread);
  }

  const std::string path_ = testing::TempDir() + "/token_" +
                            testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(TokenSourceTest, GivesAFixedToken) {
  EXPECT_EQ(TokenSource::Fixed("abc")->token(), "abc");
  EXPECT_FALSE(TokenSource::Fixed("abc")->empty());
}

TEST_F(TokenSourceTest, IsEmptyWithoutAToken) {
  EXPECT_EQ(TokenSource::Fixed("")->token(), "");
  EXPECT_TRUE(TokenSource::Fixed("")->empty());
}

TEST_F(TokenSourceTest, TakesWhiteSpaceOffTheFile) {
  Write("\n  abc.def-ghi \r\n");
  const auto source = Open();
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->token(), "abc.def-ghi");
  EXPECT_FALSE((*source)->empty());
}

TEST_F(TokenSourceTest, FollowsTheFileWhenItChanges) {
  Write("first");
  const auto source = Open();
  ASSERT_TRUE(source.ok());
  Write("second");
  EXPECT_EQ((*source)->token(), "second");
}

TEST_F(TokenSourceTest, TellsOneTokenFromTheNext) {
  Write("first");
  const auto source = Open();
  ASSERT_TRUE(source.ok());
  const uint64_t first = (*source)->generation();
  Write("first\n");
  EXPECT_EQ((*source)->generation(), first);
  Write("second");
  const uint64_t second = (*source)->generation();
  EXPECT_NE(second, first);
  EXPECT_EQ((*source)->token(), "second");
  (void)std::remove(path_.c_str());
  EXPECT_EQ((*source)->generation(), second);
  EXPECT_EQ(TokenSource::Fixed("abc")->generation(), TokenSource::Fixed("def")->generation());
}

TEST_F(TokenSourceTest, DoesNotReadTheFileMoreOftenThanAsked) {
  Write("first");
  const auto source = Open(absl::Hours(1));
  ASSERT_TRUE(source.ok());
  Write("second");
  EXPECT_EQ((*source)->token(), "first");
}

TEST_F(TokenSourceTest, KeepsTheLastGoodTokenWhileTheFileIsUnusable) {
  Write("good");
  const auto source = Open();
  ASSERT_TRUE(source.ok());
  (void)std::remove(path_.c_str());
  EXPECT_EQ((*source)->token(), "good");
  Write(" \n");
  EXPECT_EQ((*source)->token(), "good");
  Write("to\nken");
  EXPECT_EQ((*source)->token(), "good");
  Write(std::string(100'000, 'x'));
  EXPECT_EQ((*source)->token(), "good");
  Write("better");
  EXPECT_EQ((*source)->token(), "better");
}

TEST_F(TokenSourceTest, NamesTheFileItCannotUseAtTheStart) {
  const auto source = Open();
  ASSERT_FALSE(source.ok());
  EXPECT_TRUE(IsInvalidArgument(source.status()));
  EXPECT_NE(MessageOf(source.status()).find(path_), std::string::npos);
  EXPECT_NE(MessageOf(source.status()).find("no such file"), std::string::npos);
}

TEST_F(TokenSourceTest, RefusesADirectory) {
  EXPECT_FALSE(TokenSource::FromFile(testing::TempDir()).ok());
}

TEST_F(TokenSourceTest, NeverShowsATokenInAnError) {
  Write("secret value");
  const auto source = Open();
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(MessageOf(source.status()).find("secret"), std::string::npos);
}

TEST_F(TokenSourceTest, ServesManyThreads) {
  Write("abc");
  const auto source = Open();
  ASSERT_TRUE(source.ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&source] {
      for (int n = 0; n < 200; ++n) EXPECT_EQ((*source)->token(), "abc");
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace weir
