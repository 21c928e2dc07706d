// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/http/client_pool.h"
#include "proxy/http/server_session.h"
#include "tests/support/fake_byte_stream.h"
#include "tests/support/manual_dispatcher.h"

namespace weir {

// What a handler was told, and what it does about it. Outlives the handler.
struct ServedRequest {
  RequestHead head;
  std::string body;
  size_t body_bytes = 0;
  bool ended = false;
  HeaderList trailers;
  std::optional<absl::Status> reset;
  int writables = 0;
  int drains = 0;
  bool destroyed = false;
  ResponseWriter* writer = nullptr;  // Null once the handler is destroyed.

  bool consume = true;                                          // At once.
  std::function<void(ServedRequest&)> on_start = [](auto&) {};  // Within the factory.
  std::function<void(ServedRequest&, std::string_view)> on_body = [](auto&, auto) {};
  std::function<void(ServedRequest&)> on_end = [](auto&) {};
  std::function<void(ServedRequest&)> on_writable = [](auto&) {};
  std::function<void(ServedRequest&)> on_drain = [](auto&) {};
  std::function<void(ServedRequest&)> on_reset = [](auto&) {};

  void Answer(int status, std::string body, HeaderList headers = {}) {
    writer->SendHead({status, std::move(headers)});
    writer->SendBody(Bytes::Own(std::move(body)));
    writer->End();
  }
};

class RecordingHandler final : public RequestHandler {
 public:
  explicit RecordingHandler(ServedRequest& request) : request_(request) {}
  ~RecordingHandler() override {
    request_.destroyed = true;
    request_.writer = nullptr;
  }
  void OnBody(std::string_view bytes) override {
    request_.body.append(
        bytes.substr(0, (1 << 22) - std::min<size_t>(1 << 22, request_.body.size())));
    request_.body_bytes += bytes.size();
    if (request_.consume) request_.writer->ConsumeBody(bytes.size());
    request_.on_body(request_, bytes);
  }
  void OnEnd(HeaderList trailers) override {
    EXPECT_FALSE(request_.ended);
    request_.ended = true;
    request_.trailers = std::move(trailers);
    request_.on_end(request_);
  }
  void OnWritable() override {
    EXPECT_FALSE(request_.reset);
    ++request_.writables;
    request_.on_writable(request_);
  }
  void OnReset(absl::Status reason) override {
    EXPECT_FALSE(request_.reset);
    request_.reset = std::move(reason);
    request_.on_reset(request_);
  }
  void OnDrain() override {
    ++request_.drains;
    request_.on_drain(request_);
  }

 private:
  ServedRequest& request_;
};

// What a client was told.
struct ReceivedAnswer final : public ResponseHandler {
  std::vector<int> informational;
  int status = 0;
  HeaderList headers;
  std::string body;
  size_t body_bytes = 0;
  bool ended = false;
  HeaderList trailers;
  std::optional<absl::Status> failed;
  bool sent = false;
  int writables = 0;
  ClientStreamPtr stream;

  bool consume = true;
  std::function<void(ReceivedAnswer&)> on_head = [](auto&) {};
  std::function<void(ReceivedAnswer&, std::string_view)> on_body = [](auto&, auto) {};
  std::function<void(ReceivedAnswer&)> on_end = [](auto&) {};
  std::function<void(ReceivedAnswer&)> on_failed = [](auto&) {};
  std::function<void(ReceivedAnswer&)> on_writable = [](auto&) {};

  bool over() const { return ended || failed.has_value(); }

  void OnInformational(ResponseHead head) override {
    EXPECT_FALSE(over());
    informational.push_back(head.status);
  }
  void OnHead(ResponseHead head) override {
    EXPECT_FALSE(over());
    EXPECT_EQ(status, 0);
    status = head.status;
    headers = std::move(head.headers);
    on_head(*this);
  }
  void OnResponseBody(std::string_view bytes) override {
    EXPECT_FALSE(over());
    body.append(bytes.substr(0, (1 << 22) - std::min<size_t>(1 << 22, body.size())));
    body_bytes += bytes.size();
    if (consume) stream->ConsumeBody(bytes.size());
    on_body(*this, bytes);
  }
  void OnResponseEnd(HeaderList t) override {
    EXPECT_FALSE(over());
    ended = true;
    trailers = std::move(t);
    on_end(*this);
  }
  void OnResponseFailed(absl::Status reason, bool was_sent) override {
    EXPECT_FALSE(over());
    failed = std::move(reason);
    sent = was_sent;
    on_failed(*this);
  }
  void OnRequestWritable() override {
    ++writables;
    on_writable(*this);
  }
};

inline RequestHead Request(std::string method, std::string target, bool body = false) {
  RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  head.authority = "api:443";
  head.end_of_stream = !body;
  return head;
}

inline HeaderList Headers(std::initializer_list<std::pair<std::string, std::string>> fields) {
  HeaderList headers;
  for (const auto& [name, value] : fields) headers.Add(name, value);
  return headers;
}

// A ClientPool and the ServerSessions it reaches, connected in memory.
class ExchangeFixture {
 public:
  explicit ExchangeFixture(std::string alpn) { pipe_options_.alpn = std::move(alpn); }
  ~ExchangeFixture() {
    pool_.reset();
    dispatcher_.RunReady();
    EXPECT_EQ(client_stats_.open_streams->value(), 0);
    EXPECT_EQ(client_stats_.open_connections->value(), 0);
    EXPECT_EQ(client_stats_.pending->value(), 0);
    sessions_.clear();
    dispatcher_.RunReady();
    EXPECT_EQ(server_stats_.open_streams->value(), 0);
    EXPECT_EQ(server_stats_.open_connections->value(), 0);
  }

  // How the next requests are served.
  std::function<void(ServedRequest&)> setup_ = [](auto&) {};

  ClientPool& pool() {
    if (pool_ == nullptr) {
      pool_ = std::make_unique<ClientPool>(
          dispatcher_, [this](const auto& alpn, auto done) { return Dial(alpn, std::move(done)); },
          client_options_, client_stats_);
    }
    return *pool_;
  }
  ReceivedAnswer& Send(RequestHead head) {
    answers_.push_back(std::make_unique<ReceivedAnswer>());
    answers_.back()->stream = pool().Send(std::move(head), *answers_.back());
    return *answers_.back();
  }
  // Sends and waits until nothing moves any more.
  ReceivedAnswer& Fetch(RequestHead head) {
    ReceivedAnswer& answer = Send(std::move(head));
    Settle();
    return answer;
  }
  void Settle() { dispatcher_.RunReady(); }
  ServedRequest& served(size_t i) { return *served_.at(i); }

  // Accepts a connection that is not the pool's.
  std::unique_ptr<FakeByteStream> ConnectRaw() {
    auto [client, server] = FakeByteStream::Connect(dispatcher_, pipe_options_);
    client->SetCallbacks({});
    Accept(std::move(server));
    Settle();
    return std::move(client);
  }

  class NoHandle final : public Cancellable {};

  RequestHandle Dial(const std::vector<std::string>& alpn,
                     std::function<void(absl::StatusOr<ByteStreamPtr>)> done) {
    dials_.push_back(alpn);
    if (hang_dials_) return std::make_unique<NoHandle>();
    FakeByteStreamOptions options = pipe_options_;
    if (alpn.size() == 1 && !options.alpn.empty()) options.alpn = alpn[0];
    auto [client, server] = FakeByteStream::Connect(dispatcher_, options);
    client_ends_.push_back(client.get());
    auto shared = std::make_shared<ByteStreamPtr>(std::move(client));
    dispatcher_.Post([this, shared, done] {
      if (!dial_result_.ok()) return done(dial_result_);
      done(std::move(*shared));
    });
    if (!dial_result_.ok()) return std::make_unique<NoHandle>();
    if (raw_server_) {
      server->SetCallbacks({});
      raw_ends_.push_back(std::move(server));
    } else {
      Accept(std::move(server));
    }
    return std::make_unique<NoHandle>();
  }

  void Accept(ByteStreamPtr stream) {
    sessions_.push_back(NewServerSession(
        dispatcher_, std::move(stream), server_options_, server_stats_,
        [this](RequestHead head, ResponseWriter& writer) {
          served_.push_back(std::make_unique<ServedRequest>());
          ServedRequest& request = *served_.back();
          request.head = std::move(head);
          request.writer = &writer;
          setup_(request);
          request.on_start(request);
          return std::make_unique<RecordingHandler>(request);
        },
        [this](ServerSession* session) {
          const auto it = std::find_if(sessions_.begin(), sessions_.end(),
                                       [&](const auto& s) { return s.get() == session; });
          ASSERT_NE(it, sessions_.end());
          dispatcher_.DeferDelete(std::move(*it));
          sessions_.erase(it);
        }));
  }

  ManualDispatcher dispatcher_;
  StatsRegistry registry_;
  ServerSessionStats server_stats_{registry_};
  ClientPoolStats client_stats_{registry_};
  ServerSessionOptions server_options_;
  ClientPoolOptions client_options_;
  FakeByteStreamOptions pipe_options_;

  std::vector<std::vector<std::string>> dials_;
  absl::Status dial_result_;
  bool hang_dials_ = false;
  bool raw_server_ = false;  // The test plays the server.
  std::vector<FakeByteStream*> client_ends_;
  std::vector<std::unique_ptr<FakeByteStream>> raw_ends_;

  std::vector<std::unique_ptr<ServedRequest>> served_;
  std::vector<std::unique_ptr<ReceivedAnswer>> answers_;
  std::vector<std::unique_ptr<ServerSession>> sessions_;
  std::unique_ptr<ClientPool> pool_;
};

}  // namespace weir
