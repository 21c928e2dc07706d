// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/resolver.h"

#include <future>

#include "gmock/gmock.h"

#include "proxy/base/status.h"
#include "tests/net/loop_fixture.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ResolverTest : public LoopTest {
 protected:
  using Answer = absl::StatusOr<std::vector<Address>>;

  Answer Resolve(const std::string& host, uint16_t port = 80) {
    std::optional<Answer> answer;
    const RequestHandle handle = resolver_.Resolve(*dispatcher_, host, port, [&](Answer a) {
      EXPECT_TRUE(dispatcher_->IsCurrent());
      answer = std::move(a);
    });
    EXPECT_FALSE(answer.has_value());
    RunUntil([&] { return answer.has_value(); });
    return *answer;
  }

  Resolver resolver_;
};

TEST_F(ResolverTest, FindsLocalhost) {
  const Answer answer = Resolve("localhost", 6443);
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_FALSE(answer->empty());
  EXPECT_TRUE(answer->front().is_loopback());
  EXPECT_EQ(answer->front().port(), 6443);
}

TEST_F(ResolverTest, AnswersAddressesAtOnce) {
  EXPECT_EQ(Resolve("10.1.2.3", 7)->front().ToString(), "10.1.2.3:7");
  EXPECT_EQ(Resolve("fd00::1", 7)->front().ToString(), "[fd00::1]:7");
}

TEST_F(ResolverTest, SaysWhichNameItCannotFind) {
  const Answer answer = Resolve("no such\nname");
  EXPECT_TRUE(IsUnavailable(answer.status()));
  EXPECT_THAT(MessageOf(answer.status()),
              AllOf(HasSubstr(R"(cannot resolve "no such\nname": )"), HasSubstr("DNS")));
}

TEST_F(ResolverTest, AnswersNobodyWhoHasGone) {
  bool answered = false;
  for (const char* host : {"localhost", "127.0.0.1"}) {
    RequestHandle handle =
        resolver_.Resolve(*dispatcher_, host, 1, [&](const Answer&) { answered = true; });
    handle.reset();
  }
  EXPECT_TRUE(Resolve("localhost").ok());
  EXPECT_FALSE(answered);
}

TEST_F(ResolverTest, LooksNothingUpForWhoHasGone) {
  std::promise<void> asked, may_answer;
  std::vector<std::string> hosts;  // Written on the resolver's thread, read once it has answered.
  Resolver resolver([&](const std::string& host, uint16_t port) {
    hosts.push_back(host);
    if (host == "slow") {
      asked.set_value();
      may_answer.get_future().wait();
    }
    return std::vector<Address>{*Address::FromIp("127.0.0.1", port)};
  });
  bool answered = false;
  const auto none = [](const Answer&) {};
  const RequestHandle slow = resolver.Resolve(*dispatcher_, "slow", 1, none);
  asked.get_future().wait();
  RequestHandle gone = resolver.Resolve(*dispatcher_, "gone", 1, none);
  const RequestHandle next =
      resolver.Resolve(*dispatcher_, "next", 1, [&](const Answer&) { answered = true; });
  gone.reset();
  may_answer.set_value();
  RunUntil([&] { return answered; });
  EXPECT_THAT(hosts, testing::ElementsAre("slow", "next"));
}

TEST_F(ResolverTest, HandleMayGoInItsOwnAnswer) {
  bool answered = false;
  RequestHandle handle;
  handle = resolver_.Resolve(*dispatcher_, "127.0.0.1", 1, [&](const Answer&) {
    answered = true;
    handle.reset();
  });
  RunUntil([&] { return answered; });
}

TEST_F(ResolverTest, StopsWithQuestionsUnanswered) {
  auto resolver = std::make_unique<Resolver>();
  std::vector<RequestHandle> handles;
  for (int i = 0; i < 100; ++i) {
    handles.push_back(resolver->Resolve(*dispatcher_, "localhost", 1, [](const Answer&) {}));
  }
  resolver.reset();
}

}  // namespace
}  // namespace weir
