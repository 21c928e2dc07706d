// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/cache/reflector.h"

// The part of Reflector that says what follows from each failure.

namespace weir {
namespace {

// An end sooner than this, without an event, is not the server's ordinary time limit.
constexpr absl::Duration kShortWatch = absl::Seconds(1);
// Clocks that run a little differently are no early end.
constexpr absl::Duration kClockSlack = absl::Seconds(1);
// A version that expires so soon after it was read will not be helped by reading at once.
constexpr absl::Duration kExpiredAtOnce = absl::Seconds(1);

bool IsDenial(const absl::Status& status) {
  return IsPermissionDenied(status) || IsUnauthenticated(status) || IsNotFound(status) ||
         IsNotAcceptable(status);
}

// An API server that starts may deny for so long what it will grant.
constexpr absl::Duration kDeniedFor = absl::Seconds(2);

}  // namespace

void Reflector::OnListFailed(const absl::Status& status) {
  if (IsDenial(status)) return OnDenied(status);
  denied_since_.reset();
  // Not a list, malformed versions, an item that is too large: forwarded requests fare better.
  if (IsInvalidArgument(status) || IsInvalidOptions(status) || IsLimit(status)) {
    return GiveUp(status);
  }
  if (IsResourceExpired(status)) env_.stats.expired->Add();
  RetryLater(Step::kSync, status);
}

void Reflector::OnStreamListFailed(const absl::Status& status) {
  if (IsDenial(status)) return OnDenied(status);
  denied_since_.reset();
  const bool refused = IsInvalidOptions(status) || (IsInvalidArgument(status) && !opened_);
  if (refused) {
    LogInfo("the API server has no stream-list; will list and watch",
            {{"resource", env_.resource}, {"because", MessageOf(status)}});
    stream_list_works_ = false;
    Schedule(Step::kSync, absl::ZeroDuration());
    return callbacks_.on_stream_list(false);
  }
  const bool try_again = IsUnavailable(status) || IsTooManyRequests(status) || IsTimeout(status) ||
                         IsTooLargeVersion(status);
  if (IsInvalidArgument(status)) env_.stats.decode_errors->Add();
  if (IsResourceExpired(status)) env_.stats.expired->Add();
  list_next_ = !try_again;
  RetryLater(Step::kSync, status);
}

void Reflector::OnWatchFailed(const absl::Status& status) {
  if (status.ok()) return OnCleanEnd();
  if (IsDenial(status)) return OnDenied(status);
  denied_since_.reset();
  if (IsResourceExpired(status)) return OnExpired(status);
  if (IsInvalidArgument(status) || IsInvalidOptions(status) || IsLimit(status)) {
    return opened_ ? OnUndecodable(status) : GiveUp(status);
  }
  RetryLater(Step::kWatch, status);
}

// At once, as client-go does: what was of use will be again. It may have failed for long before
// that showed, though, so that until it is back nobody is told that this is up to date.
void Reflector::OnBrokenOff(const absl::Status& status) {
  if (Lasted()) {
    resume_backoff_.Reset();
    backoff_.Reset();
    short_watches_ = 0;
    denied_since_.reset();
  }
  Retry(Step::kWatch, status, resume_backoff_.Next());
}

bool Reflector::Lasted() const {
  return opened_ && env_.dispatcher.Now() - opened_at_ >= kShortWatch;
}

bool Reflector::EndedEarly() const {
  return env_.dispatcher.Now() - asked_at_ < lifetime_ - kClockSlack;
}

BytesCheck::Doubt Reflector::DoubtAfter(const absl::Status& end) const {
  if (built_in_) return BytesCheck::Doubt::kNone;
  if (!end.ok()) return BytesCheck::Doubt::kSlight;
  return EndedEarly() ? BytesCheck::Doubt::kSerious : BytesCheck::Doubt::kNone;
}

// Some API servers end a watch from a version they no longer have without saying so.
void Reflector::OnCleanEnd() {
  const bool lasted = Lasted();
  if (bytes_check_.serious()) SetHealthy(false);
  if (any_event_ || lasted) {
    short_watches_ = 0;
    denied_since_.reset();
    if (lasted || !bytes_check_.serious()) return Schedule(Step::kWatch, absl::ZeroDuration());
    return RetryLater(Step::kWatch, absl::OkStatus());
  }
  ++short_watches_;
  const bool list = short_watches_ > 1 && !GoOnFromKnown();
  RetryLater(list ? Step::kSync : Step::kWatch, absl::OkStatus());
}

bool Reflector::GoOnFromKnown() {
  if (watched_ >= last_) return false;
  watched_ = last_;
  return true;
}

void Reflector::OnExpired(const absl::Status& status) {
  env_.stats.expired->Add();
  if (GoOnFromKnown()) return Schedule(Step::kWatch, absl::ZeroDuration());
  if (env_.dispatcher.Now() - last_sync_ < kExpiredAtOnce) {
    return RetryLater(Step::kSync, status);
  }
  LogInfo("the API server no longer knows the version; will list and publish the difference",
          {{"resource", env_.resource}, {"version", last_.ToString()}});
  SetHealthy(false);
  Schedule(Step::kSync, absl::ZeroDuration());
}

// Once may be the connection; twice at the same place is the event.
void Reflector::OnUndecodable(const absl::Status& status) {
  env_.stats.decode_errors->Add();
  const bool again = undecodable_after_ == watched_;
  undecodable_after_ = again ? ResourceVersion() : watched_;
  RetryLater(again ? Step::kSync : Step::kWatch, status);
}

// Readers that are being served are not cut off for a moment's denials (kDeniedFor).
void Reflector::OnDenied(const absl::Status& status) {
  if (IsPermissionDenied(status) || IsUnauthenticated(status)) {
    const ReadVerb verb = phase_ == Phase::kListing ? ReadVerb::kList : ReadVerb::kWatch;
    callbacks_.on_access(verb, false, asked_at_);
  }
  const MonotonicTime now = env_.dispatcher.Now();
  if (!denied_since_.has_value()) denied_since_ = now;
  if (!synced_ || now - *denied_since_ >= kDeniedFor) return GiveUp(status);
  RetryLater(phase_ == Phase::kWatching ? Step::kWatch : Step::kSync, status);
}

// Who may not list may still get a stream-list.
void Reflector::OnListBesideRefused(const absl::Status& why, MonotonicTime asked) {
  if (IsPermissionDenied(why) || IsUnauthenticated(why)) {
    callbacks_.on_access(ReadVerb::kList, false, asked);
  }
  SetHealthy(false);
  Schedule(Step::kSync, absl::ZeroDuration());
}

void Reflector::GiveUp(const absl::Status& status) {
  LogWarning("not cached: requests are forwarded",
             {{"resource", env_.resource}, {"because", MessageOf(status)}});
  phase_ = Phase::kStopped;
  initial_ = SnapshotMap();
  bytes_check_.Stop();
  trouble_ = MessageOf(status);
  step_timer_->Disable();
  deadline_timer_->Disable();
  callbacks_.on_unavailable(status);
}

}  // namespace weir
