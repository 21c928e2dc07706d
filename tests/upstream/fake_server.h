// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/status.h"
#include "proxy/http/client_pool.h"
#include "proxy/http/server_session.h"
#include "tests/support/fake_byte_stream.h"
#include "tests/support/manual_dispatcher.h"

namespace weir {

// A server reached through pipes in memory: what a Connector of its own dials.
class FakeServer {
 public:
  FakeServer(ManualDispatcher& dispatcher, std::string alpn, HandlerFactory factory)
      : dispatcher_(dispatcher), factory_(std::move(factory)), stats_(registry_) {
    pipe_.alpn = std::move(alpn);
  }

  Connector connector() {
    return [this](const std::vector<std::string>& alpn,
                  std::function<void(absl::StatusOr<ByteStreamPtr>)> done) -> RequestHandle {
      auto dial = std::make_unique<Dial>();
      dispatcher_.Post(
          [this, alive = std::weak_ptr<int>(dial->alive), alpn, done = std::move(done)] {
            if (!alive.expired()) done(Accept(alpn));
          });
      return dial;
    };
  }

  // Not OK: nobody can connect, for this reason.
  void Refuse(absl::Status reason) { refusal_ = std::move(reason); }
  // All connections break; what was under way is lost.
  void BreakConnections() {
    for (const auto& [session, stream] : streams_) {
      stream->Break(UnavailableError("connection reset by peer"));
    }
  }
  void Drain() {
    for (const auto& [session, owner] : sessions_) session->Drain();
  }
  FakeByteStreamOptions& pipe() { return pipe_; }
  int connections() const { return connections_; }

 private:
  struct Dial final : public Cancellable {
    std::shared_ptr<int> alive = std::make_shared<int>(0);
  };

  absl::StatusOr<ByteStreamPtr> Accept(const std::vector<std::string>& alpn) {
    if (!refusal_.ok()) return refusal_;
    FakeByteStreamOptions options = pipe_;
    if (alpn.size() == 1) options.alpn = alpn.front();
    FakeByteStream::Pair pair = FakeByteStream::Connect(dispatcher_, options);
    FakeByteStream* const stream = pair.second.get();
    auto session = NewServerSession(dispatcher_, std::move(pair.second), ServerSessionOptions(),
                                    stats_, factory_, [this](ServerSession* closed) {
                                      streams_.erase(closed);
                                      auto node = sessions_.extract(closed);
                                      dispatcher_.DeferDelete(std::move(node.mapped()));
                                    });
    ServerSession* const raw = session.get();
    streams_[raw] = stream;
    sessions_[raw] = std::move(session);
    ++connections_;
    return std::move(pair.first);
  }

  ManualDispatcher& dispatcher_;
  StatsRegistry registry_;
  const HandlerFactory factory_;
  ServerSessionStats stats_;
  FakeByteStreamOptions pipe_;
  absl::Status refusal_;
  int connections_ = 0;
  std::map<ServerSession*, FakeByteStream*> streams_;
  std::map<ServerSession*, std::unique_ptr<ServerSession>> sessions_;
};

// A request as a server saw it. The test answers through `writer`.
struct SeenRequest {
  RequestHead head;
  std::string body;
  HeaderList trailers;
  bool ended = false;
  bool reset = false;
  bool consumes = true;              // False: takes note of the body and does not acknowledge it.
  ResponseWriter* writer = nullptr;  // nullptr when the exchange is over.
  std::function<void()> on_writable;

  void Answer(int status, std::string_view content_type, std::string_view body_text) {
    ResponseHead answer;
    answer.status = status;
    if (!content_type.empty()) answer.headers.Add("content-type", content_type);
    writer->SendHead(answer);
    if (!body_text.empty()) writer->SendBody(Bytes::Copy(body_text));
    writer->End();
  }
};
using SeenRequests = std::vector<std::shared_ptr<SeenRequest>>;

class SeeingHandler final : public RequestHandler {
 public:
  explicit SeeingHandler(std::shared_ptr<SeenRequest> seen) : seen_(std::move(seen)) {}
  ~SeeingHandler() override { seen_->writer = nullptr; }
  void OnBody(std::string_view bytes) override {
    seen_->body.append(bytes);
    if (seen_->consumes) seen_->writer->ConsumeBody(bytes.size());
  }
  void OnEnd(HeaderList trailers) override {
    seen_->ended = true;
    seen_->trailers = std::move(trailers);
  }
  void OnWritable() override {
    if (seen_->on_writable) seen_->on_writable();
  }
  void OnReset(absl::Status /*reason*/) override { seen_->reset = true; }

 private:
  const std::shared_ptr<SeenRequest> seen_;
};

// A HandlerFactory that leaves the answers to the test.
inline HandlerFactory RecordInto(SeenRequests& requests) {
  return [&requests](RequestHead head, ResponseWriter& writer) -> RequestHandlerPtr {
    auto seen = std::make_shared<SeenRequest>();
    seen->head = std::move(head);
    seen->writer = &writer;
    requests.push_back(seen);
    return std::make_unique<SeeingHandler>(std::move(seen));
  };
}

// An answer as a client saw it.
struct SeenAnswer final : public ResponseHandler {
  void OnInformational(ResponseHead answer) override { informational.push_back(answer.status); }
  void OnHead(ResponseHead answer) override { head = std::move(answer); }
  void OnResponseBody(std::string_view bytes) override {
    body.append(bytes);
    unconsumed += bytes.size();
    if (consumes) Consume();
  }
  void OnResponseEnd(HeaderList fields) override {
    ended = true;
    trailers = std::move(fields);
  }
  void OnResponseFailed(absl::Status reason, bool /*sent*/) override {
    failure = std::move(reason);
  }
  void OnRequestWritable() override {
    if (on_writable) on_writable();
  }
  void Consume() { stream->ConsumeBody(std::exchange(unconsumed, 0)); }
  bool over() const { return ended || !failure.ok(); }

  std::vector<int> informational;
  std::optional<ResponseHead> head;
  std::string body;
  HeaderList trailers;
  bool ended = false;
  bool consumes = true;
  size_t unconsumed = 0;
  absl::Status failure;
  std::function<void()> on_writable;
  ClientStreamPtr stream;  // Set by the test.
};

}  // namespace weir
