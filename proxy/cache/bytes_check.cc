// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/bytes_check.h"

#include <algorithm>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

// A list costs the API server much more than a watch that goes on: however often watches end, no
// more than one in so long. Requests are forwarded while the doubt is serious.
constexpr absl::Duration kSeriousSpacing = absl::Seconds(5);
constexpr absl::Duration kSlightSpacing = absl::Minutes(1);
// All watches of a connection break off together: their lists come one by one.
constexpr BackoffOptions kSlightDelay{.initial = absl::Seconds(5), .max = absl::Seconds(5)};

bool MayBeAnsweredLater(const absl::Status& status) {
  return IsUnavailable(status) || IsTooManyRequests(status) || IsTimeout(status) ||
         IsTooLargeVersion(status);
}

}  // namespace

BytesCheck::BytesCheck(Environment environment, Callbacks callbacks)
    : env_(std::move(environment)),
      callbacks_(std::move(callbacks)),
      slight_delay_(kSlightDelay),
      retry_delay_(BackoffOptions()),
      timer_(env_.dispatcher.CreateTimer([this] { OnTurn(); })) {}

void BytesCheck::OnWatchEnded(Doubt doubt) {
  Stop();
  doubt_ = std::max(doubt_, doubt);
}

void BytesCheck::OnWatchOpened(ResourceVersion at_least) {
  if (doubt_ == Doubt::kNone) return;
  at_least_ = at_least;
  timer_->Enable(Delay());
}

void BytesCheck::OnSynced() {
  Stop();
  doubt_ = Doubt::kNone;
}

absl::Duration BytesCheck::Delay() {
  const absl::Duration spacing = serious() ? kSeriousSpacing : kSlightSpacing;
  const absl::Duration delay = serious() ? absl::ZeroDuration() : slight_delay_.Next();
  if (!asked_at_.has_value()) return delay;
  return std::max(delay, *asked_at_ + spacing - env_.dispatcher.Now());
}

void BytesCheck::OnTurn() {
  const absl::Status refusal = std::exchange(refusal_, absl::OkStatus());
  if (!refusal.ok()) return callbacks_.on_refused(refusal, *asked_at_);
  asked_at_ = env_.dispatcher.Now();
  env_.stats.lists->Add();
  request_ = env_.source.List(
      at_least_, [this](absl::StatusOr<ObjectList> listed) { OnListed(std::move(listed)); });
}

void BytesCheck::OnListed(absl::StatusOr<ObjectList> listed) {
  if (listed.ok() && listed->version < at_least_) {
    listed = UnavailableError(StrCat("a list at ", listed->version.ToString(), " is older than ",
                                     at_least_.ToString(), ", which was asked for"));
  }
  if (listed.ok()) {
    doubt_ = Doubt::kNone;
    retry_delay_.Reset();
    return callbacks_.on_listed(*std::move(listed), *asked_at_);
  }
  LogWarning("cannot tell whether a change of the definition has rewritten objects",
             {{"resource", env_.resource}, {"because", MessageOf(listed.status())}});
  if (MayBeAnsweredLater(listed.status())) return timer_->Enable(retry_delay_.Next());
  refusal_ = listed.status();
  timer_->Enable(absl::ZeroDuration());
}

void BytesCheck::Stop() {
  timer_->Disable();
  request_.reset();
  refusal_ = absl::OkStatus();
}

}  // namespace weir
