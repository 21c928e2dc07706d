// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/authenticator.h"

#include <algorithm>
#include <list>
#include <utility>
#include <vector>

#include "proxy/base/backoff.h"
#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/downstream/token_expiry.h"
#include "proxy/net/certificate_authority.h"

namespace weir {
namespace {

// Streams go on without a request of anybody's.
constexpr absl::Duration kLookAtToken = absl::Seconds(10);
// After a review without an answer.
constexpr absl::Duration kAskAgain = absl::Seconds(10);

// Time does not depend on where they differ.
bool SameSecret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace

class Authenticator::Core {
 public:
  Core(Upstream& upstream, std::string weir_token, const AuthenticatorOptions& options,
       StatsRegistry& registry, std::function<void(absl::Status)> owner_changed)
      : upstream_(upstream),
        dispatcher_(upstream.dispatcher()),
        weir_token_(std::move(weir_token)),
        options_(options),
        owner_changed_(std::move(owner_changed)),
        backoff_({.initial = absl::Milliseconds(100), .max = absl::Seconds(10)}),
        reviews_(registry.AddCounter("weir_downstream_token_reviews_total",
                                     "Tokens proved or refused by a SelfSubjectReview.")),
        review_failures_(
            registry.AddCounter("weir_downstream_token_review_failures_total",
                                "SelfSubjectReviews that gave no identity; the token's requests "
                                "were forwarded.")),
        remembered_(
            registry.AddGauge("weir_downstream_tokens", "Tokens whose identity is remembered.")) {
    owner_timer_ = dispatcher_.CreateTimer([this] { ReviewOwner(); });
    owner_timer_->Enable(absl::ZeroDuration());
    early_timer_ = dispatcher_.CreateTimer([this] { ReleaseEarly(); });
    token_timer_ = dispatcher_.CreateTimer([this] {
      token_timer_->Enable(kLookAtToken);
      LookAtToken();
    });
    token_timer_->Enable(kLookAtToken);
  }

  bool IsWeirToken(std::string_view token) const {
    return !weir_token_.empty() && SameSecret(token, weir_token_);
  }

  std::optional<Verdict> Known(std::string_view authorization);
  RequestHandle Check(std::string_view authorization, std::function<void(Verdict)> done);

 private:
  class Waiter;
  struct Proof {
    std::optional<Identity> identity;  // nullopt: refused.
    MonotonicTime until;
    MonotonicTime last;  // Until when it counts if nobody answers.
    absl::Time expires;
    std::list<std::string>::iterator age;
  };
  // A review under way and those who wait for it.
  struct Review {
    RequestHandle request;
    TimerPtr timeout;
    std::vector<Waiter*> waiters;
  };

  void LookAtToken();
  // As Known(), by what is known already.
  std::optional<Verdict> KnownSoFar(std::string_view authorization);
  void ReviewOwner();
  void OnOwnerReviewed(absl::StatusOr<Identity> identity);
  void LearnOwner(Identity identity);
  void LoseOwner(const absl::Status& reason);
  void ReleaseEarly();
  Review& ReviewOf(std::string_view authorization);
  void StartReview(const std::string& hash, std::string authorization, std::string_view token);
  void OnReviewed(const std::string& hash, absl::Time expires, absl::StatusOr<Identity> identity);
  void Remember(const std::string& hash, std::optional<Identity> identity, absl::Time expires);
  void Settle(const std::string& hash, Verdict verdict);
  void Forget(const std::string& hash);
  // By what was proved before; when there is no answer now.
  Verdict Unanswered(const std::string& hash);
  Verdict VerdictOf(const Proof& proof) const;

  Upstream& upstream_;
  Dispatcher& dispatcher_;
  const std::string weir_token_;
  const AuthenticatorOptions options_;
  const std::function<void(absl::Status)> owner_changed_;

  std::optional<Identity> owner_;
  bool owner_pending_ = true;   // The first review of Weir's own token is under way.
  std::vector<Waiter*> early_;  // Came before its end.
  TimerPtr early_timer_;
  uint64_t credential_generation_ = upstream_.credential_generation();
  TimerPtr token_timer_;
  RequestHandle owner_review_;
  TimerPtr owner_timer_;
  Backoff backoff_;
  StringMap<Proof> proofs_;        // By the token's SHA-256.
  std::list<std::string> by_age_;  // Oldest first.
  StringMap<std::unique_ptr<Review>> under_way_;
  CounterHandle reviews_, review_failures_;
  GaugeHandle remembered_;
};

// The caller's handle of a Check().
class Authenticator::Core::Waiter final : public Cancellable {
 public:
  // REQUIRES: `others` lives until this has settled or is destroyed.
  Waiter(std::string_view authorization, std::vector<Waiter*>& others,
         std::function<void(Verdict)> done)
      : authorization_(authorization), others_(&others), done_(std::move(done)) {
    others.push_back(this);
  }
  ~Waiter() override {
    if (others_ != nullptr) std::erase(*others_, this);
  }
  void MoveTo(std::vector<Waiter*>& others) {
    std::erase(*std::exchange(others_, &others), this);
    others.push_back(this);
  }
  const std::string& authorization() const { return authorization_; }
  // Its last act: the owner may destroy it in there.
  void Settle(Verdict verdict) {
    std::erase(*std::exchange(others_, nullptr), this);
    auto done = std::move(done_);
    done(verdict);
  }

 private:
  const std::string authorization_;
  std::vector<Waiter*>* others_;
  std::function<void(Verdict)> done_;
};

// Whose another token is must be known before what it fetches is shown to anybody. Where the API
// server cannot say, nothing is fetched, either, and Weir stays who it was.
void Authenticator::Core::LookAtToken() {
  const uint64_t generation = upstream_.credential_generation();
  if (std::exchange(credential_generation_, generation) == generation) return;
  owner_pending_ = true;
  owner_timer_->Enable(absl::ZeroDuration());
}

void Authenticator::Core::ReviewOwner() {
  owner_review_ = ReviewIdentity(upstream_, "", [this](absl::StatusOr<Identity> identity) {
    OnOwnerReviewed(std::move(identity));
  });
}

void Authenticator::Core::OnOwnerReviewed(absl::StatusOr<Identity> identity) {
  if (identity.ok()) {
    LearnOwner(*std::move(identity));
  } else {
    LoseOwner(identity.status());
  }
  ReleaseEarly();
}

void Authenticator::Core::LearnOwner(Identity identity) {
  backoff_.Reset();
  owner_timer_->Enable(options_.remember);
  if (owner_ == identity) return;
  const bool changed = owner_.has_value();
  owner_ = std::move(identity);
  LogInfo("acting upstream as", {{"user", owner_->username}});
  if (!changed) return;
  owner_changed_(UnauthenticatedError("Weir's own credential has become another identity"));
}

void Authenticator::Core::LoseOwner(const absl::Status& reason) {
  owner_timer_->Enable(backoff_.Next());
  if (!IsUnauthenticated(reason)) {
    if (owner_.has_value()) return;
    LogWarning("cannot learn whose credential Weir has; requests are forwarded until then",
               {{"reason", MessageOf(reason)}});
    return;
  }
  LogError("the API server refuses Weir's own credential; check its token or certificate",
           {{"reason", MessageOf(reason)}});
  if (!owner_.has_value()) return;
  owner_.reset();
  owner_changed_(reason);
}

// Those who came before Weir knew itself, or its new token: their own proof is next.
void Authenticator::Core::ReleaseEarly() {
  owner_pending_ = false;
  early_timer_->Disable();
  while (!early_.empty()) {
    Waiter& waiter = *early_.back();
    if (const auto verdict = KnownSoFar(waiter.authorization())) {
      waiter.Settle(*verdict);
    } else {
      waiter.MoveTo(ReviewOf(waiter.authorization()).waiters);
    }
  }
}

Authenticator::Verdict Authenticator::Core::VerdictOf(const Proof& proof) const {
  const bool known = owner_.has_value() && !owner_pending_;
  return known && proof.identity == owner_ ? Verdict::kOwner : Verdict::kOther;
}

std::optional<Authenticator::Verdict> Authenticator::Core::Known(std::string_view authorization) {
  LookAtToken();
  return KnownSoFar(authorization);
}

std::optional<Authenticator::Verdict> Authenticator::Core::KnownSoFar(
    std::string_view authorization) {
  const std::string_view token = BearerToken(authorization);
  if (token.empty()) return Verdict::kOther;
  if (owner_pending_) return std::nullopt;
  if (!owner_.has_value()) return Verdict::kOther;
  if (IsWeirToken(token)) return Verdict::kOwnerByWeirToken;
  const std::string hash = Sha256(token);
  const auto proof = proofs_.find(hash);
  if (proof == proofs_.end()) return std::nullopt;
  const MonotonicTime now = dispatcher_.Now();
  const bool expired = absl::Now() >= proof->second.expires;
  if (!expired && now < proof->second.until) return VerdictOf(proof->second);
  if (expired || now >= proof->second.last) Forget(hash);
  return std::nullopt;
}

void Authenticator::Core::Forget(const std::string& hash) {
  const auto proof = proofs_.find(hash);
  if (proof == proofs_.end()) return;
  by_age_.erase(proof->second.age);
  proofs_.erase(proof);
  remembered_->Set(static_cast<int64_t>(proofs_.size()));
}

// Whose a token is does not change. That Weir may read for it is another question, which is asked
// more often.
Authenticator::Verdict Authenticator::Core::Unanswered(const std::string& hash) {
  review_failures_->Add();
  const auto proof = proofs_.find(hash);
  const MonotonicTime now = dispatcher_.Now();
  if (proof == proofs_.end() || now >= proof->second.last || absl::Now() >= proof->second.expires) {
    return Verdict::kOther;
  }
  proof->second.until = std::max(proof->second.until, now + kAskAgain);
  return VerdictOf(proof->second);
}

RequestHandle Authenticator::Core::Check(std::string_view authorization,
                                         std::function<void(Verdict)> done) {
  if (owner_pending_) {
    if (!early_timer_->enabled()) early_timer_->Enable(options_.review_timeout);
    return std::make_unique<Waiter>(authorization, early_, std::move(done));
  }
  return std::make_unique<Waiter>(authorization, ReviewOf(authorization).waiters, std::move(done));
}

Authenticator::Core::Review& Authenticator::Core::ReviewOf(std::string_view authorization) {
  const std::string_view token = BearerToken(authorization);
  const std::string hash = Sha256(token);
  if (!under_way_.contains(hash)) StartReview(hash, std::string(authorization), token);
  return *under_way_.find(hash)->second;
}

void Authenticator::Core::StartReview(const std::string& hash, std::string authorization,
                                      std::string_view token) {
  auto review = std::make_unique<Review>();
  const absl::Time expires = TokenExpiry(token);
  review->request = ReviewIdentity(upstream_, authorization,
                                   [this, hash, expires](absl::StatusOr<Identity> identity) {
                                     OnReviewed(hash, expires, std::move(identity));
                                   });
  review->timeout = dispatcher_.CreateTimer([this, hash] { Settle(hash, Unanswered(hash)); });
  review->timeout->Enable(options_.review_timeout);
  under_way_.emplace(hash, std::move(review));
}

void Authenticator::Core::OnReviewed(const std::string& hash, absl::Time expires,
                                     absl::StatusOr<Identity> identity) {
  reviews_->Add();
  if (identity.ok()) {
    Remember(hash, *std::move(identity), expires);
    return Settle(hash, VerdictOf(proofs_.find(hash)->second));
  }
  if (!IsUnauthenticated(identity.status()) && !IsPermissionDenied(identity.status())) {
    return Settle(hash, Unanswered(hash));
  }
  // A refusal is not remembered: the API server is asked again with each request anyway, as they
  // are all forwarded.
  review_failures_->Add();
  Forget(hash);
  Settle(hash, Verdict::kOther);
}

void Authenticator::Core::Remember(const std::string& hash, std::optional<Identity> identity,
                                   absl::Time expires) {
  Forget(hash);
  while (proofs_.size() >= options_.max_tokens) {
    proofs_.erase(by_age_.front());
    by_age_.pop_front();
  }
  by_age_.push_back(hash);
  proofs_.emplace(
      hash, Proof{.identity = std::move(identity),
                  .until = dispatcher_.Now() + options_.remember,
                  .last = dispatcher_.Now() + options_.remember + options_.remember_unanswered,
                  .expires = expires,
                  .age = std::prev(by_age_.end())});
  remembered_->Set(static_cast<int64_t>(proofs_.size()));
}

void Authenticator::Core::Settle(const std::string& hash, Verdict verdict) {
  auto review = under_way_.extract(hash);
  if (review.empty()) return;
  // The request's own callback may be on the stack: it is destroyed in the next turn.
  struct Grave final : Deferred {
    std::unique_ptr<Review> review;
  };
  auto grave = std::make_unique<Grave>();
  grave->review = std::move(review.mapped());
  std::vector<Waiter*>& waiters = grave->review->waiters;
  // Each takes itself off; those that follow may be destroyed by those before.
  while (!waiters.empty()) waiters.back()->Settle(verdict);
  dispatcher_.DeferDelete(std::move(grave));
}

Authenticator::Authenticator(Upstream& upstream, std::string weir_token,
                             const AuthenticatorOptions& options, StatsRegistry& registry,
                             std::function<void(absl::Status)> owner_changed)
    : core_(std::make_unique<Core>(upstream, std::move(weir_token), options, registry,
                                   std::move(owner_changed))) {}
Authenticator::~Authenticator() = default;

bool Authenticator::IsWeirToken(std::string_view authorization) const {
  return core_->IsWeirToken(BearerToken(authorization));
}
std::optional<Authenticator::Verdict> Authenticator::Known(std::string_view authorization) {
  return core_->Known(authorization);
}
RequestHandle Authenticator::Check(std::string_view authorization,
                                   std::function<void(Verdict)> done) {
  return core_->Check(authorization, std::move(done));
}

}  // namespace weir
