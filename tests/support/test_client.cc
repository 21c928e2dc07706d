// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_client.h"

#include <utility>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/http/client_pool.h"
#include "proxy/upstream/connector.h"
#include "tests/support/test_exchange.h"

namespace weir {

std::string TestEvent::ToString() const {
  if (type == "ERROR") return StrCat(type, " ", error_code, " ", error_reason);
  if (type == "BOOKMARK") return StrCat(type, " @", version, initial_events_end ? " end" : "");
  return StrCat(type, " ", namespace_name, namespace_name.empty() ? "" : "/", name, "@", version);
}

TestHeaders Accept(Representation representation) {
  return {{"Accept", std::string(ContentType(representation))}};
}

TestWatch::TestWatch(std::unique_ptr<Exchange> exchange,
                     std::function<bool(const TestEvent&)> hides)
    : exchange_(std::move(exchange)), hides_(std::move(hides)) {}
TestWatch::~TestWatch() = default;

int TestWatch::status() { return exchange_->WaitForHead(kTestDeadline).status; }

std::string TestWatch::Header(std::string_view name) {
  return std::string(exchange_->WaitForHead(kTestDeadline).headers.Get(name));
}

std::optional<TestEvent> TestWatch::Next(absl::Duration wait) {
  std::optional<TestEvent> event = exchange_->NextEvent(wait);
  while (event && hides_ != nullptr && hides_(*event)) event = exchange_->NextEvent(wait);
  return event;
}

std::vector<TestEvent> TestWatch::UntilInitialEnd() {
  std::vector<TestEvent> events;
  while (auto event = Next()) {
    events.push_back(*std::move(event));
    if (events.back().initial_events_end) break;
  }
  return events;
}

std::vector<TestEvent> TestWatch::UntilVersion(uint64_t version) {
  std::vector<TestEvent> events;
  while (auto event = Next()) {
    events.push_back(*std::move(event));
    if (events.back().version >= version) break;
  }
  return events;
}

TestWatch::State TestWatch::WaitForEnd(absl::Duration wait) { return exchange_->WaitForEnd(wait); }
TestWatch::State TestWatch::state() { return exchange_->WaitForEnd(absl::ZeroDuration()); }
absl::Status TestWatch::failure() { return exchange_->failure(); }
void TestWatch::Pause() { exchange_->SetPaused(true); }
void TestWatch::Resume() { exchange_->SetPaused(false); }
void TestWatch::SendBody(std::string_view bytes) { exchange_->SendBody(bytes); }
void TestWatch::EndBody() { exchange_->EndBody(); }
size_t TestWatch::bytes_received() { return exchange_->bytes_received(); }
std::string TestWatch::Body() { return exchange_->TakeBody(); }

// Everything here lives on the loop's thread.
class TestClient::Pool {
 public:
  Pool(TestLoop& loop, const TestClientOptions& options) : loop_(loop), stats_(registry_) {
    DialTarget target{
        .host = options.host, .port = options.port, .server_name = options.host, .tls = nullptr};
    if (!options.ca_pem.empty()) {
      target.tls =
          ClientTls::New(
              {.ca_pem = options.ca_pem, .ca_source = "the test's CA", .alpn = options.alpn})
              .value();
    }
    loop_.Run([&] {
      pool_ = std::make_unique<ClientPool>(
          loop_.dispatcher(), NewConnector(loop_.dispatcher(), loop_.resolver(), target),
          ClientPoolOptions{.stream_window = options.stream_window}, stats_);
    });
  }
  ~Pool() {
    loop_.Run([this] { pool_.reset(); });
    // What the pool has put off until the next turn.
    loop_.Run([] {});
    loop_.Run([] {});
  }
  ClientPool& pool() { return *pool_; }

 private:
  TestLoop& loop_;
  StatsRegistry registry_;
  ClientPoolStats stats_;
  std::unique_ptr<ClientPool> pool_;
};

TestClient::TestClient(TestClientOptions options)
    : options_(std::move(options)),
      loop_(TestLoop::Shared()),
      pool_(std::make_shared<Pool>(*loop_, options_)) {}

TestClient::~TestClient() = default;

RequestHead TestClient::HeadOf(std::string_view method, std::string_view target,
                               const TestHeaders& headers) {
  RequestHead head;
  head.method = method;
  head.target = target;
  head.authority = HostPort(options_.host, options_.port);
  head.headers.Add("User-Agent", options_.user_agent);
  if (!options_.token.empty()) head.headers.Add("Authorization", "Bearer " + options_.token);
  for (const auto& [name, value] : headers) head.headers.Set(name, value);
  return head;
}

std::unique_ptr<TestWatch> TestClient::Open(RequestHead head, std::string_view body) {
  head.end_of_stream = body.empty() && head.upgrade.empty();
  if (!body.empty()) head.content_length = static_cast<int64_t>(body.size());
  return std::unique_ptr<TestWatch>(
      new TestWatch(std::make_unique<TestWatch::Exchange>(loop_, pool_, pool_->pool(),
                                                          std::move(head), body, options_.paused),
                    options_.hides));
}

std::unique_ptr<TestWatch> TestClient::Watch(std::string_view target, const TestHeaders& headers) {
  return Open(HeadOf("GET", target, headers));
}

TestResponse TestClient::Get(std::string_view target, const TestHeaders& headers) {
  return Send("GET", target, {}, headers);
}

TestResponse TestClient::Send(std::string_view method, std::string_view target,
                              std::string_view body, const TestHeaders& headers) {
  RequestHead head = HeadOf(method, target, headers);
  if (!body.empty() && !head.headers.Has("Content-Type")) {
    head.headers.Add("Content-Type", "application/json");
  }
  const std::unique_ptr<TestWatch> exchange = Open(std::move(head), body);
  TestResponse response;
  const TestWatch::State state = exchange->WaitForEnd();
  if (state == TestWatch::State::kOpen) response.failure = TimeoutError("no answer in time");
  if (state == TestWatch::State::kFailed) response.failure = exchange->failure();
  ResponseHead answer = exchange->exchange_->WaitForHead(absl::ZeroDuration());
  response.status = answer.status;
  response.headers = std::move(answer.headers);
  response.body = exchange->Body();
  return response;
}

}  // namespace weir
