// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/read_check.h"

#include <algorithm>
#include <optional>

namespace weir {
namespace {

using Kind = ReadVerdict::Kind;
using Want = ReadVerdict::Want;

// A watch that has been up for this long has brought what was older than kOld when it came up, even
// if its peer has been dead for as long as a dead one goes unnoticed.
constexpr absl::Duration kLongUp = absl::Minutes(1);
constexpr absl::Duration kOld = absl::Minutes(2);
// After the API server could not be asked.
constexpr absl::Duration kAskAgain = absl::Seconds(1);
// After it was found to be silent: not everybody waits for that.
constexpr absl::Duration kSilent = absl::Seconds(10);

ReadVerdict Serve() { return {}; }
ReadVerdict Forward(ForwardReason reason) {
  ReadVerdict verdict;
  verdict.kind = Kind::kForward;
  verdict.reason = reason;
  return verdict;
}
ReadVerdict Wait(ForwardReason reason, Want want, ResourceVersion version = {}) {
  return {.kind = Kind::kWait, .reason = reason, .want = want, .version = version, .soon = false};
}

// A watch that is down does not say that nothing can be asked: watches alone may be refused.
absl::Duration MaxAgeOfAccess(const Access& access, const CacheReplica& replica,
                              const ReadMoment& moment, const ReadCheckOptions& options) {
  if (replica.upstream_healthy()) {
    return moment.unanswered ? options.access_max_age_silent : options.access_max_age;
  }
  const bool silent = access.silent > MonotonicTime() && moment.now - access.silent <= kSilent;
  return silent || moment.unanswered ? options.access_max_age_cut_off : options.access_max_age;
}

ReadVerdict CheckAccess(const Decision& decision, const CacheReplica& replica,
                        const ReadMoment& moment, const ReadCheckOptions& options) {
  const Access& access = replica.access(VerbOf(decision.kind));
  const bool fresh = access.known &&
                     moment.now - access.proved <= MaxAgeOfAccess(access, replica, moment, options);
  if (!fresh) {
    // Not asked again at once.
    const bool in_vain = access.failed > MonotonicTime() && moment.now - access.failed <= kAskAgain;
    if (in_vain || moment.unanswered) return Forward(ForwardReason::kAccess);
    return Wait(ForwardReason::kAccess, Want::kAccess);
  }
  return access.allowed ? Serve() : Forward(ForwardReason::kAccess);
}

bool ProvedSince(const CacheReplica& replica, MonotonicTime since, MonotonicTime now) {
  if (replica.current_as_of() >= since) return true;
  return now - since >= kOld && replica.upstream_healthy() &&
         now - replica.healthy_since_or_lost_at() >= kLongUp;
}

// "Not older than" what was asked for, nor than what had been told when the request came; what is
// told later does not bind it, so that it cannot be put off for ever.
ReadVerdict CheckVersion(const Decision& decision, const CacheReplica& replica,
                         const ReadMoment& moment) {
  const Revision& newest = *replica.newest();
  const ResourceVersion least = std::max(decision.at_least, moment.told.version);
  if (newest.version < least || newest.sequence < moment.published) {
    ReadVerdict verdict = Wait(ForwardReason::kFutureVersion, Want::kCurrent, least);
    verdict.soon = true;
    return verdict;
  }
  // One that is still there after a proof is not gone: the deletion was a trial, or of others.
  const auto gone = moment.floors.SaidGone(decision.key.resource, newest.objects, moment.arrived);
  if (gone.has_value() && !ProvedSince(replica, *gone, moment.now)) {
    ReadVerdict verdict = Wait(ForwardReason::kFutureVersion, Want::kCurrent);
    verdict.soon = true;
    return verdict;
  }
  if (!moment.told.unclear.has_value()) return Serve();
  const MonotonicTime since = std::min(*moment.told.unclear, moment.arrived);
  return ProvedSince(replica, since, moment.now) ? Serve()
                                                 : Wait(ForwardReason::kNotCurrent, Want::kCurrent);
}

ReadVerdict CheckFreshness(const Decision& decision, const CacheReplica& replica,
                           MonotonicTime arrived) {
  if (!decision.most_recent) return Serve();
  if (decision.freshness == Freshness::kVerified) {
    return replica.current_as_of() >= arrived ? Serve()
                                              : Wait(ForwardReason::kNotCurrent, Want::kCurrent);
  }
  return replica.upstream_healthy() ? Serve() : Forward(ForwardReason::kNotCurrent);
}

}  // namespace

ReadVerb VerbOf(Decision::Kind kind) {
  if (kind == Decision::Kind::kGet) return ReadVerb::kGet;
  return kind == Decision::Kind::kList ? ReadVerb::kList : ReadVerb::kWatch;
}

ReadVerdict CheckRead(const Decision& decision, const CacheReplica& replica,
                      const ReadMoment& moment, const ReadCheckOptions& options) {
  ReadVerdict verdict = CheckAccess(decision, replica, moment, options);
  if (verdict.kind != Kind::kServe) return verdict;
  // A watch that goes on from a version is sent what comes after it, whenever that comes.
  const bool resumes = decision.kind == Decision::Kind::kWatch && !decision.initial_events &&
                       decision.at_least.is_set();
  if (!resumes) verdict = CheckVersion(decision, replica, moment);
  if (verdict.kind == Kind::kServe) verdict = CheckFreshness(decision, replica, moment.arrived);
  // To prove a cache current costs more than one object.
  if (decision.kind == Decision::Kind::kGet && verdict.want == Want::kCurrent) {
    return Forward(verdict.reason);
  }
  if (verdict.kind != Kind::kServe) return verdict;
  // Lists of metadata are framed alike.
  const bool framed = decision.key.metadata_only || replica.envelope().has_value();
  if (decision.kind == Decision::Kind::kList && !framed) {
    return Wait(ForwardReason::kEnvelopeUnknown, Want::kEnvelope);
  }
  return verdict;
}

}  // namespace weir
