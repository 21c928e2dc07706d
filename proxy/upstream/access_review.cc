// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/access_review.h"

#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/access_review.h"
#include "proxy/kube/selector.h"
#include "proxy/upstream/api_call.h"

namespace weir {
namespace {

constexpr std::string_view kPath = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
constexpr size_t kMaxReviewBytes = 1 << 20;
constexpr absl::Duration kReviewTimeout = absl::Seconds(30);

// The name that a field selector pins; "" for none.
std::string NameIn(const std::string& field_selector) {
  const absl::StatusOr<FieldSelector> fields = FieldSelector::Parse(field_selector);
  if (!fields.ok()) return "";
  for (const FieldSelector::Term& term : fields->terms) {
    if (term.field == "metadata.name" && !term.negated) return term.value;
  }
  return "";
}

// The attributes that the API server gives its authorizers for such a request.
AccessQuestion QuestionOf(const CacheKey& key, ReadVerb verb) {
  AccessQuestion question{.verb = std::string(ReadVerbName(verb)),
                          .resource = key.resource,
                          .namespace_name = key.namespace_name,
                          .name = NameIn(key.field_selector),
                          .label_selector = "",
                          .field_selector = ""};
  // A GET has no selectors.
  if (verb == ReadVerb::kGet) return question;
  question.label_selector = key.label_selector;
  question.field_selector = key.field_selector;
  return question;
}

class AccessCall final : public ApiCall {
 public:
  AccessCall(Upstream& upstream, const CacheKey& key, ReadVerb verb,
             ListerWatcher::AccessCallback done)
      : ApiCall(
            upstream, AcceptedForm::Objects(Representation::kJson),
            StrCat("cannot tell whether Weir may ", ReadVerbName(verb), " ", key.resource.Name())),
        stats_(upstream.stats()),
        done_(std::move(done)) {
    stats_.Requested("create", "selfsubjectaccessreviews.authorization.k8s.io");
    Send("POST", std::string(kPath), "", EncodeAccessReview(QuestionOf(key, verb)));
    ExpectWithin(kReviewTimeout);
  }

 private:
  void OnData(std::string_view bytes) override {
    if (answer_.size() + bytes.size() > kMaxReviewBytes) {
      return Fail(LimitError(StrCat("the answer has more than ", kMaxReviewBytes, " bytes")));
    }
    answer_.append(bytes);
  }

  absl::Status CheckWhole() override {
    WEIR_ASSIGN_OR_RETURN(allowed_, ParseAccessReview(answer_));
    return absl::OkStatus();
  }

  void OnDone(absl::Status status) override {
    const ListerWatcher::AccessCallback done = std::exchange(done_, nullptr);
    if (!status.ok()) {
      stats_.access_unknown->Add();
      const bool like_silence = IsUnavailable(status) || IsTimeout(status);
      return done(refused() && like_silence ? InternalError(MessageOf(status)) : status);
    }
    (allowed_ ? stats_.access_allowed : stats_.access_denied)->Add();
    done(allowed_);
  }

  UpstreamStats& stats_;
  ListerWatcher::AccessCallback done_;
  std::string answer_;
  bool allowed_ = false;
};

}  // namespace

RequestHandle StartAccessReview(Upstream& upstream, const CacheKey& key, ReadVerb verb,
                                ListerWatcher::AccessCallback done) {
  return std::make_unique<AccessCall>(upstream, key, verb, std::move(done));
}

}  // namespace weir
