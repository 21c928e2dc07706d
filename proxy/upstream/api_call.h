// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "proxy/cache/cache_key.h"
#include "proxy/http/exchange.h"
#include "proxy/http/posted_call.h"
#include "proxy/upstream/upstream.h"

namespace weir {

// What an answer may come in.
struct AcceptedForm {
  std::string header;                       // Accept.
  std::optional<Representation> only = {};  // nullopt: any of the two.

  static AcceptedForm Objects(Representation representation);
  // As `key` says: of a list, or of the events of a watch.
  static AcceptedForm ListOf(const CacheKey& key);
  static AcceptedForm WatchOf(const CacheKey& key);
  // A list of metadata: protobuf if possible, as it is smaller; also of custom resources.
  static AcceptedForm MetadataList();
};

// A request of Weir's own and the reading of its answer: an error answer becomes a Status, a body
// in another encoding than was asked for is refused, silence has an end. Destroying it cancels.
// Private to upstream/; derived classes say what is asked and what becomes of the body.
class ApiCall : public Cancellable, private ResponseHandler {
 protected:
  // `what` stands in front of every failure: "cannot list pods".
  ApiCall(Upstream& upstream, AcceptedForm form, std::string what);

  // `authorization`: "" for Weir's own credential. `body`: JSON; "" for none.
  // REQUIRES: called once, from the constructor.
  void Send(std::string_view method, std::string target, std::string_view authorization,
            std::string_view body);
  // Fails the call if this is not called again (or the call ends) within `limit`.
  void ExpectWithin(absl::Duration limit);
  // Ends the call with OnDone(reason), in a later turn. For use in OnData.
  void Fail(absl::Status reason);
  // The Warning headers of a successful answer.
  std::vector<std::string> TakeWarnings() { return std::move(warnings_); }
  // The API server has answered, and its answer was an error.
  bool refused() const { return status_ != 0 && !accepted_; }

  // These are called as the last act of a callback: they may destroy the call.
  // A successful answer in the right encoding has begun.
  virtual void OnAccepted(Representation /*representation*/) {}
  virtual void OnData(std::string_view bytes) = 0;
  // Last. OK: OnData has seen a whole body, and CheckWhole() agrees.
  virtual void OnDone(absl::Status status) = 0;

  // The body has ended: whether it was all there and made sense.
  virtual absl::Status CheckWhole() { return absl::OkStatus(); }

 private:
  void OnInformational(ResponseHead /*head*/) override {}
  void OnHead(ResponseHead head) override;
  void OnResponseBody(std::string_view bytes) override;
  void OnResponseEnd(HeaderList trailers) override;
  void OnResponseFailed(absl::Status reason, bool sent) override;
  void OnRequestWritable() override {}
  void OnTimeout();
  void OnFailed();
  absl::Status ErrorAnswer() const;
  void Finish(const absl::Status& status);

  // Set once.
  Upstream& upstream_;
  const AcceptedForm form_;
  const std::string what_;
  const TimerPtr timer_;
  PostedCall fail_;

  absl::Duration limit_;
  int status_ = 0;  // Of the answer; 0: none yet.
  bool accepted_ = false;
  bool over_ = false;
  std::vector<std::string> warnings_;
  std::string content_type_;  // Of an error answer.
  std::string error_body_;
  absl::Status failure_;  // Of Fail().
  ClientStreamPtr stream_;
};

// What metadata calls itself.
inline constexpr std::string_view kMetadataKind = "PartialObjectMetadata";
inline constexpr std::string_view kMetadataListKind = "PartialObjectMetadataList";

// "/apis/apps/v1/namespaces/default/deployments?<query><selectors of the key>".
std::string ResourceTarget(const CacheKey& key, std::string_view query);

}  // namespace weir
