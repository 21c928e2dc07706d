// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/user_info.h"
#include "proxy/upstream/api_call.h"
#include "proxy/upstream/api_server_client.h"

namespace weir {
namespace {

constexpr std::string_view kPath = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
constexpr std::string_view kReview =
    R"({"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"})";
// Somebody may be in thousands of groups.
constexpr size_t kMaxReviewBytes = 1 << 20;
constexpr absl::Duration kReviewTimeout = absl::Seconds(30);

class ReviewCall final : public ApiCall {
 public:
  ReviewCall(Upstream& upstream, std::string_view authorization, ReviewCallback done)
      : ApiCall(upstream, AcceptedForm::Objects(Representation::kJson),
                "cannot tell whose a credential is"),
        done_(std::move(done)) {
    Send("POST", std::string(kPath), authorization, kReview);
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
    WEIR_ASSIGN_OR_RETURN(user_, ParseSelfSubjectReview(answer_));
    return absl::OkStatus();
  }

  void OnDone(absl::Status status) override {
    const ReviewCallback done = std::exchange(done_, nullptr);
    if (!status.ok()) return done(std::move(status));
    done(std::move(user_));
  }

  ReviewCallback done_;
  std::string answer_;
  UserInfo user_;
};

}  // namespace

RequestHandle ReviewIdentity(Upstream& upstream, const std::string& authorization,
                             ReviewCallback done) {
  upstream.stats().Requested("create", "selfsubjectreviews.authentication.k8s.io");
  return std::make_unique<ReviewCall>(upstream, authorization, std::move(done));
}

}  // namespace weir
