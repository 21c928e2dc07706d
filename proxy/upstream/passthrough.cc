// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/passthrough.h"

#include <optional>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/api_status.h"
#include "proxy/upstream/watch_frames.h"

namespace weir {
namespace {

constexpr int kSwitchingProtocols = 101;

// Asking again changes nothing, so a client may do so even if the first request was carried out.
bool IsSafe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

// client-go sends a request of any verb again, up to ten times, when the answer is 5xx with
// Retry-After. A write that may have been carried out must not come back by itself: a second
// create with generateName makes a second object. Without the header the caller gets the error,
// as it would from a connection that broke.
ApiStatus AnswerTo(const absl::Status& reason, bool may_repeat) {
  ApiStatus answer = ToApiStatus(reason);
  if (answer.code < 500 || IsTimeout(reason)) answer = ToApiStatus(UnavailableError(""));
  answer.message = StrCat("weir: ", MessageOf(reason));
  if (!may_repeat) {
    answer.message.append("; the API server may have carried the request out all the same");
    answer.retry_after_seconds = 0;
  }
  return answer;
}

class Passthrough final : public RequestHandler, private ResponseHandler {
 public:
  Passthrough(Upstream& upstream, PassthroughRequest request, ResponseWriter& writer);

  void OnBody(std::string_view bytes) override;
  void OnEnd(HeaderList trailers) override;
  void OnWritable() override;
  void OnReset(absl::Status reason) override;
  void OnDrain() override;

 private:
  void OnInformational(ResponseHead head) override;
  void OnHead(ResponseHead head) override;
  void OnResponseBody(std::string_view bytes) override;
  void OnResponseEnd(HeaderList trailers) override;
  void OnResponseFailed(absl::Status reason, bool sent) override;
  void OnRequestWritable() override;
  void Answer(const ApiStatus& status);
  void EndWatch();

  // Set once.
  ResponseWriter& writer_;
  const Representation error_representation_;
  const bool safe_;
  const bool to_head_;
  const bool asks_for_tunnel_;
  const bool is_watch_;
  ClientStreamPtr stream_;

  bool head_sent_ = false;
  bool tunnel_ = false;
  bool over_ = false;           // Nothing more goes to the client.
  bool request_ended_ = false;  // The API server has been told.
  bool draining_ = false;
  // Received, and not to be acknowledged before the other side has room.
  size_t held_request_ = 0;
  size_t held_response_ = 0;
  std::optional<WatchFrames> frames_;  // Of a watch that can be ended between two events.
};

Passthrough::Passthrough(Upstream& upstream, PassthroughRequest request, ResponseWriter& writer)
    : writer_(writer),
      error_representation_(request.error_representation),
      safe_(IsSafe(request.head.method)),
      to_head_(request.head.method == "HEAD"),
      asks_for_tunnel_(!request.head.upgrade.empty()),
      is_watch_(request.verb == "watch"),
      request_ended_(request.head.end_of_stream) {
  upstream.stats().Requested(request.verb, request.resource);
  // An upgrade goes on in head.upgrade.
  request.head.headers.RemoveHopByHop();
  stream_ = request.as_self ? upstream.SendAsSelf(std::move(request.head), *this)
                            : upstream.SendAsCaller(std::move(request.head), *this);
}

void Passthrough::OnBody(std::string_view bytes) {
  // The API server answered without waiting for the rest.
  if (over_ && !tunnel_) return writer_.ConsumeBody(bytes.size());
  if (request_ended_) return;
  stream_->SendBody(Bytes::Copy(bytes));
  held_request_ += bytes.size();
  if (stream_->writable()) OnRequestWritable();
}

void Passthrough::OnEnd(HeaderList trailers) {
  if (std::exchange(request_ended_, true) || (over_ && !tunnel_)) return;
  stream_->End(std::move(trailers));
}

void Passthrough::OnRequestWritable() { writer_.ConsumeBody(std::exchange(held_request_, 0)); }

void Passthrough::OnWritable() {
  if (!over_) stream_->ConsumeBody(std::exchange(held_response_, 0));
}

void Passthrough::OnReset(absl::Status /*reason*/) {
  over_ = true;
  request_ended_ = true;
  stream_.reset();
}

void Passthrough::OnInformational(ResponseHead head) {
  head.headers.RemoveHopByHop();
  writer_.SendInformational(head);
}

void Passthrough::OnHead(ResponseHead head) {
  tunnel_ = head.status == kSwitchingProtocols;
  if (tunnel_ && !asks_for_tunnel_) {
    tunnel_ = false;
    return Answer(AnswerTo(InternalError("the API server switched protocols unasked"), safe_));
  }
  const std::string protocol(tunnel_ ? head.headers.Get("Upgrade") : "");
  head.headers.RemoveHopByHop();
  if (!protocol.empty()) head.headers.Add("Upgrade", protocol);
  if (is_watch_ && head.status == 200 && !head.headers.Has("Content-Encoding")) {
    const auto representation = RepresentationOf(head.headers.Get("Content-Type"));
    if (representation) frames_.emplace(*representation);
  }
  head_sent_ = true;
  writer_.SendHead(head);
  if (draining_ && frames_) EndWatch();
}

void Passthrough::OnResponseBody(std::string_view bytes) {
  if (over_) return;
  const size_t complete = frames_ ? frames_->Advance(bytes) : 0;
  const bool last = draining_ && complete > 0;
  writer_.SendBody(Bytes::Copy(last ? bytes.substr(0, complete) : bytes));
  if (last) return EndWatch();
  held_response_ += bytes.size();
  if (writer_.writable()) OnWritable();
}

void Passthrough::OnResponseEnd(HeaderList trailers) {
  if (std::exchange(over_, true)) return;
  writer_.End(std::move(trailers));
  if (!tunnel_) OnRequestWritable();
}

void Passthrough::OnResponseFailed(absl::Status reason, bool sent) {
  if (tunnel_) request_ended_ = true;
  if (over_ && !tunnel_) return;
  if (!head_sent_) return Answer(AnswerTo(reason, safe_ || !sent));
  // A watch may end anywhere: its client asks again from its last event, but would list after a
  // reset. Whoever reads anything else must see that it is not whole.
  if (frames_) return EndWatch();
  over_ = true;
  writer_.Reset();
}

void Passthrough::OnDrain() {
  draining_ = true;
  if (frames_ && frames_->at_boundary()) EndWatch();
}

// A clean end makes the client watch again from its last event; a reset makes it list.
void Passthrough::EndWatch() {
  if (std::exchange(over_, true)) return;
  writer_.End();
}

void Passthrough::Answer(const ApiStatus& status) {
  const std::string body = status.Encode(error_representation_);
  ResponseHead head;
  head.status = status.code;
  head.headers.Add("Cache-Control", "no-cache, private");
  head.headers.Add("Content-Type", ContentType(error_representation_));
  head.headers.Add("Content-Length", StrCat(body.size()));
  if (status.retry_after_seconds > 0) {
    head.headers.Add("Retry-After", StrCat(status.retry_after_seconds));
  }
  head_sent_ = true;
  over_ = true;
  writer_.SendHead(head);
  if (!to_head_) writer_.SendBody(Bytes::Own(body));
  writer_.End();
  OnRequestWritable();
}

}  // namespace

RequestHandlerPtr NewPassthrough(Upstream& upstream, PassthroughRequest request,
                                 ResponseWriter& writer) {
  return std::make_unique<Passthrough>(upstream, std::move(request), writer);
}

}  // namespace weir
