// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/authenticator.h"

#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "tests/upstream/fake_server.h"

namespace weir {
namespace {

using Verdict = Authenticator::Verdict;

// An API server that knows some tokens and answers reviews at once, or when it is told to.
class AuthenticatorTest : public testing::Test {
 protected:
  AuthenticatorTest()
      : server_(dispatcher_, "h2",
                [this](RequestHead head, ResponseWriter& writer) -> RequestHandlerPtr {
                  return std::make_unique<Review>(*this, std::move(head), writer);
                }) {
    SetLogLevel(LogLevel::kOff);
    users_["Bearer own"] = "weir";
    users_["Bearer mine"] = "weir";
    users_["Bearer other"] = "other";
  }
  ~AuthenticatorTest() override {
    authenticator_.reset();
    upstream_.reset();
    dispatcher_.RunReady();
    (void)std::remove(path_.c_str());
    SetLogLevel(LogLevel::kInfo);
  }

  void Start(std::string weir_token = {}, std::shared_ptr<TokenSource> own = nullptr) {
    UpstreamTarget target;
    target.host = "api";
    if (own == nullptr) own = TokenSource::Fixed(weir_token.empty() ? "own" : "");
    upstream_ = std::make_unique<Upstream>(
        dispatcher_, target, UpstreamOptions(), std::move(own),
        UpstreamConnectors{server_.connector(), server_.connector()}, upstream_stats_);
    authenticator_ = std::make_unique<Authenticator>(
        *upstream_, weir_token, AuthenticatorOptions{.max_tokens = 3}, registry_,
        [this](absl::Status reason) { losses_.push_back(std::move(reason)); });
  }
  void StartAndSettle(std::string weir_token = {}) {
    Start(std::move(weir_token));
    dispatcher_.Advance(absl::Milliseconds(1));
  }

  // With a token file that is read each time.
  void StartWithFile() {
    WriteToken("own");
    Start("", TokenSource::FromFile(path_, absl::ZeroDuration()).value());
    dispatcher_.Advance(absl::Milliseconds(1));
  }
  void WriteToken(const std::string& token) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << token;
  }

  // The verdict, asking if need be; nullopt if none comes.
  std::optional<Verdict> Ask(std::string_view authorization) {
    if (const auto known = authenticator_->Known(authorization)) return known;
    std::optional<Verdict> verdict;
    const RequestHandle check =
        authenticator_->Check(authorization, [&](Verdict v) { verdict = v; });
    EXPECT_FALSE(verdict.has_value()) << "called back inside the call";
    dispatcher_.Advance(absl::Milliseconds(1));
    return verdict;
  }

  class Review final : public RequestHandler {
   public:
    Review(AuthenticatorTest& test, RequestHead head, ResponseWriter& writer)
        : test_(test), head_(std::move(head)), writer_(writer) {}
    ~Review() override { std::erase(test_.held_, this); }
    void OnBody(std::string_view bytes) override { writer_.ConsumeBody(bytes.size()); }
    void OnEnd(HeaderList) override {
      ++test_.reviews_;
      if (test_.hold_) return test_.held_.push_back(this);
      Answer();
    }
    void OnWritable() override {}
    void OnReset(absl::Status) override {}

    void Answer() {
      ResponseHead head;
      head.headers.Add("Content-Type", "application/json");
      const std::string authorization(head_.headers.Get("authorization"));
      const auto user = test_.users_.find(authorization);
      std::string body = "{}";
      head.status = user == test_.users_.end() ? 401 : 201;
      if (test_.failure_ != 0) head.status = test_.failure_;
      if (head.status == 201) {
        body = StrCat(R"({"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1",)",
                      R"("status":{"userInfo":{"username":")", user->second,
                      R"(","uid":"u","groups":["g2","g1"],"extra":{)", test_.extras_[authorization],
                      "}}}}");
      }
      writer_.SendHead(head);
      writer_.SendBody(Bytes::Own(body));
      writer_.End();
    }

   private:
    AuthenticatorTest& test_;
    const RequestHead head_;
    ResponseWriter& writer_;
  };
  void Release() {
    hold_ = false;
    for (Review* review : std::exchange(held_, {})) review->Answer();
    dispatcher_.Advance(absl::Milliseconds(1));
  }

  const std::string path_ = testing::TempDir() + "/authenticator_" +
                            testing::UnitTest::GetInstance()->current_test_info()->name();
  ManualDispatcher dispatcher_;
  StatsRegistry registry_;
  UpstreamStats upstream_stats_{registry_};
  std::map<std::string, std::string> users_;   // By Authorization.
  std::map<std::string, std::string> extras_;  // Likewise.
  int failure_ = 0;                            // What reviews are answered with instead.
  bool hold_ = false;
  std::vector<Review*> held_;
  int reviews_ = 0;
  FakeServer server_;
  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<Authenticator> authenticator_;
  std::vector<absl::Status> losses_;
};

TEST_F(AuthenticatorTest, TokenOfTheSameIdentityMayReadTheCache) {
  StartAndSettle();
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
  EXPECT_EQ(Ask("Bearer own"), Verdict::kOwner);
}

TEST_F(AuthenticatorTest, TokenOfAnotherIdentityIsForwarded) {
  StartAndSettle();
  EXPECT_EQ(Ask("Bearer other"), Verdict::kOther);
}

// Two tokens of one account; an authorizer may look at anything else that is said of a user.
TEST_F(AuthenticatorTest, WhatElseIsSaidOfTheUserCounts) {
  extras_["Bearer own"] = R"("authentication.kubernetes.io/credential-id":["JTI=1"],"t":["blue"])";
  extras_["Bearer mine"] = R"("authentication.kubernetes.io/credential-id":["JTI=2"],"t":["blue"])";
  users_["Bearer green"] = users_["Bearer none"] = "weir";
  extras_["Bearer green"] = R"("t":["green"])";
  StartAndSettle();
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
  EXPECT_EQ(Ask("Bearer green"), Verdict::kOther);
  EXPECT_EQ(Ask("Bearer none"), Verdict::kOther);
}

TEST_F(AuthenticatorTest, TokenBehindTwoBlanksIsNone) {
  StartAndSettle();
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
  EXPECT_EQ(authenticator_->Known("Bearer  mine"), Verdict::kOther);
}

TEST_F(AuthenticatorTest, TokenThatTheServerDoesNotKnowIsForwarded) {
  StartAndSettle();
  EXPECT_EQ(Ask("Bearer stolen"), Verdict::kOther);
}

TEST_F(AuthenticatorTest, WhatIsNoTokenIsForwardedUnasked) {
  StartAndSettle();
  reviews_ = 0;
  EXPECT_EQ(authenticator_->Known(""), Verdict::kOther);
  EXPECT_EQ(authenticator_->Known("Basic abc"), Verdict::kOther);
  EXPECT_EQ(reviews_, 0);
}

TEST_F(AuthenticatorTest, EachTokenIsProvedOnce) {
  StartAndSettle();
  Ask("Bearer mine");
  reviews_ = 0;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
  EXPECT_EQ(reviews_, 0);
}

TEST_F(AuthenticatorTest, ProofIsForgottenAfterTenMinutes) {
  StartAndSettle();
  Ask("Bearer mine");
  users_.erase("Bearer mine");
  dispatcher_.Advance(absl::Minutes(9));
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
  dispatcher_.Advance(absl::Minutes(2));
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOther);
}

// Else a cache that could serve would turn everybody away in the middle of an outage.
TEST_F(AuthenticatorTest, AProofOutlastsAnApiServerThatDoesNotAnswer) {
  StartAndSettle();
  Ask("Bearer mine");
  dispatcher_.Advance(absl::Minutes(11));
  for (const int failure : {500, 503, 429}) {
    failure_ = failure;
    dispatcher_.Advance(absl::Seconds(11));
    reviews_ = 0;
    EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
    EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
    EXPECT_EQ(reviews_, 1) << "not asked again at once";
    EXPECT_EQ(Ask("Bearer unknown"), Verdict::kOther);
  }
  hold_ = true;
  dispatcher_.Advance(absl::Seconds(11));
  std::optional<Verdict> verdict;
  const RequestHandle check = authenticator_->Check("Bearer mine", [&](Verdict v) { verdict = v; });
  dispatcher_.Advance(absl::Seconds(4));
  EXPECT_EQ(verdict, Verdict::kOwner);
  hold_ = false;
  dispatcher_.Advance(absl::Minutes(9));
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOther) << "twenty minutes are enough";
}

TEST_F(AuthenticatorTest, AProofDoesNotOutlastARefusal) {
  StartAndSettle();
  for (const int refusal : {401, 403}) {
    failure_ = 0;
    EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
    dispatcher_.Advance(absl::Minutes(11));
    failure_ = refusal;
    EXPECT_EQ(Ask("Bearer mine"), Verdict::kOther);
    failure_ = 503;
    EXPECT_EQ(Ask("Bearer mine"), Verdict::kOther);
  }
}

TEST_F(AuthenticatorTest, RefusalIsNotRemembered) {
  StartAndSettle();
  EXPECT_EQ(Ask("Bearer late"), Verdict::kOther);
  users_["Bearer late"] = "weir";
  EXPECT_EQ(Ask("Bearer late"), Verdict::kOwner);
}

TEST_F(AuthenticatorTest, OldestProofGoesFirstWhenThereAreTooMany) {
  StartAndSettle();
  for (const char* token : {"Bearer 1", "Bearer 2", "Bearer 3", "Bearer 4"}) {
    users_[token] = "weir";
    Ask(token);
  }
  EXPECT_FALSE(authenticator_->Known("Bearer 1").has_value());
  EXPECT_EQ(authenticator_->Known("Bearer 2"), Verdict::kOwner);
  EXPECT_EQ(authenticator_->Known("Bearer 4"), Verdict::kOwner);
}

TEST_F(AuthenticatorTest, ManyRequestsWaitForOneReview) {
  StartAndSettle();
  reviews_ = 0;
  hold_ = true;
  std::vector<RequestHandle> checks;
  int owners = 0;
  for (int i = 0; i < 5; ++i) {
    checks.push_back(authenticator_->Check("Bearer mine", [&](Verdict verdict) {
      owners += verdict == Verdict::kOwner ? 1 : 0;
      // Whoever is told may end the others.
      if (owners == 3) checks.clear();
    }));
  }
  dispatcher_.RunReady();
  Release();
  EXPECT_EQ(reviews_, 1);
  EXPECT_EQ(owners, 3);
}

TEST_F(AuthenticatorTest, DestroyedCheckIsNotToldAndTheProofIsKept) {
  StartAndSettle();
  hold_ = true;
  bool told = false;
  RequestHandle check = authenticator_->Check("Bearer mine", [&](Verdict) { told = true; });
  dispatcher_.RunReady();
  check.reset();
  Release();
  EXPECT_FALSE(told);
  // What was learnt is not lost.
  EXPECT_EQ(authenticator_->Known("Bearer mine"), Verdict::kOwner);
}

TEST_F(AuthenticatorTest, ReviewThatTakesTooLongIsNoProof) {
  StartAndSettle();
  hold_ = true;
  std::optional<Verdict> verdict;
  const RequestHandle check = authenticator_->Check("Bearer mine", [&](Verdict v) { verdict = v; });
  dispatcher_.Advance(absl::Seconds(2));
  EXPECT_EQ(verdict, std::nullopt);
  dispatcher_.Advance(absl::Seconds(2));
  EXPECT_EQ(verdict, Verdict::kOther);
}

TEST_F(AuthenticatorTest, FailedReviewIsNoProof) {
  StartAndSettle();
  failure_ = 500;
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOther);
}

TEST_F(AuthenticatorTest, WhoComesBeforeWeirKnowsItselfWaits) {
  hold_ = true;
  Start();
  EXPECT_EQ(authenticator_->Known("Bearer mine"), std::nullopt);
  EXPECT_EQ(authenticator_->Known(""), Verdict::kOther);
  std::map<std::string, Verdict> verdicts;
  std::vector<RequestHandle> checks;
  for (const char* token : {"Bearer mine", "Bearer other", "Bearer stolen", "Bearer own"}) {
    checks.push_back(
        authenticator_->Check(token, [&verdicts, token](Verdict v) { verdicts[token] = v; }));
  }
  dispatcher_.Advance(absl::Seconds(1));
  EXPECT_TRUE(verdicts.empty());
  Release();
  EXPECT_EQ(verdicts, (std::map<std::string, Verdict>{{"Bearer mine", Verdict::kOwner},
                                                      {"Bearer other", Verdict::kOther},
                                                      {"Bearer stolen", Verdict::kOther},
                                                      {"Bearer own", Verdict::kOwner}}));
}

TEST_F(AuthenticatorTest, WhoComesBeforeWeirKnowsItselfDoesNotWaitForEver) {
  hold_ = true;
  Start();
  std::optional<Verdict> verdict;
  const RequestHandle check = authenticator_->Check("Bearer mine", [&](Verdict v) { verdict = v; });
  dispatcher_.Advance(absl::Seconds(4));
  EXPECT_EQ(verdict, Verdict::kOther);
  Release();
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
}

TEST_F(AuthenticatorTest, NobodyReadsTheCacheWhileWeirIsNobody) {
  users_.erase("Bearer own");
  StartAndSettle();
  EXPECT_EQ(authenticator_->Known("Bearer mine"), Verdict::kOther);
  EXPECT_TRUE(losses_.empty()) << "nothing was cached yet";
  // Known later, for instance when its token has been renewed.
  users_["Bearer own"] = "weir";
  dispatcher_.Advance(absl::Seconds(15));
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
}

TEST_F(AuthenticatorTest, LostIdentityIsReportedOnce) {
  StartAndSettle();
  Ask("Bearer mine");
  users_.erase("Bearer own");
  dispatcher_.Advance(absl::Minutes(11));
  ASSERT_EQ(losses_.size(), 1u);
  EXPECT_TRUE(IsUnauthenticated(losses_[0]));
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOther);
}

TEST_F(AuthenticatorTest, ChangedIdentityIsReportedAndProofsCountAgainstTheNewOne) {
  StartAndSettle();
  Ask("Bearer mine");
  Ask("Bearer other");
  users_["Bearer own"] = "other";
  // Just before the proofs are forgotten, Weir asks who it is.
  dispatcher_.Advance(absl::Minutes(10) - absl::Milliseconds(1));
  dispatcher_.Advance(absl::Milliseconds(1));
  ASSERT_EQ(losses_.size(), 1u);
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOther);
  EXPECT_EQ(Ask("Bearer other"), Verdict::kOwner);
}

TEST_F(AuthenticatorTest, AnotherTokenIsReviewedBeforeAnybodyReadsWhatItFetches) {
  StartWithFile();
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
  EXPECT_EQ(Ask("Bearer other"), Verdict::kOther);
  WriteToken("other");
  EXPECT_EQ(authenticator_->Known("Bearer mine"), std::nullopt);
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOther);
  EXPECT_EQ(Ask("Bearer other"), Verdict::kOwner);
  EXPECT_EQ(losses_.size(), 1u);
}

TEST_F(AuthenticatorTest, AnotherTokenIsReviewedThoughNobodyAsks) {
  StartWithFile();
  WriteToken("other");
  dispatcher_.Advance(absl::Seconds(11));
  EXPECT_EQ(losses_.size(), 1u);
}

TEST_F(AuthenticatorTest, AnotherTokenOfTheSameIdentityChangesNothing) {
  StartWithFile();
  reviews_ = 0;
  WriteToken("mine");
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
  EXPECT_EQ(reviews_, 2) << "Weir's own, and the caller's";
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(reviews_, 2);
  EXPECT_TRUE(losses_.empty());
}

TEST_F(AuthenticatorTest, AnotherTokenThatCannotBeReviewedHoldsNobodyForLong) {
  StartWithFile();
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
  hold_ = true;
  WriteToken("other");
  EXPECT_EQ(authenticator_->Known("Bearer mine"), std::nullopt);
  std::optional<Verdict> verdict;
  const RequestHandle check = authenticator_->Check("Bearer mine", [&](Verdict v) { verdict = v; });
  dispatcher_.Advance(absl::Seconds(4));
  EXPECT_EQ(verdict, Verdict::kOwner);
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
  Release();
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOther);
}

TEST_F(AuthenticatorTest, TroubleWithTheServerChangesNothing) {
  StartAndSettle();
  failure_ = 503;
  dispatcher_.Advance(absl::Minutes(11));
  EXPECT_TRUE(losses_.empty());
  failure_ = 0;
  EXPECT_EQ(Ask("Bearer mine"), Verdict::kOwner);
}

TEST_F(AuthenticatorTest, WeirsOwnTokenIsTheOwnersAndIsNeverShown) {
  users_[""] = "weir";  // By its certificate.
  users_.erase("Bearer own");
  StartAndSettle("secret");
  reviews_ = 0;
  EXPECT_TRUE(authenticator_->IsWeirToken("Bearer secret"));
  EXPECT_FALSE(authenticator_->IsWeirToken("Bearer secre"));
  EXPECT_FALSE(authenticator_->IsWeirToken("Bearer Secret"));
  EXPECT_FALSE(authenticator_->IsWeirToken(""));
  EXPECT_EQ(authenticator_->Known("Bearer secret"), Verdict::kOwnerByWeirToken);
  EXPECT_EQ(reviews_, 0);
}

TEST_F(AuthenticatorTest, WeirsOwnTokenIsNotReviewedEvenBeforeWeirKnowsItself) {
  users_[""] = "weir";
  hold_ = true;
  Start("secret");
  std::optional<Verdict> verdict;
  const RequestHandle check =
      authenticator_->Check("Bearer secret", [&](Verdict v) { verdict = v; });
  dispatcher_.Advance(absl::Milliseconds(1));
  Release();
  EXPECT_EQ(verdict, Verdict::kOwnerByWeirToken);
  EXPECT_EQ(reviews_, 1) << "only Weir's own";
}

TEST_F(AuthenticatorTest, WithoutATokenOfItsOwnNothingIsTakenForIt) {
  StartAndSettle();
  EXPECT_FALSE(authenticator_->IsWeirToken(""));
  EXPECT_FALSE(authenticator_->IsWeirToken("Bearer "));
}

}  // namespace
}  // namespace weir
