// SPDX-License-Identifier: Apache-2.0
//
// A ServerSession and a client that says anything. The first byte chooses the protocol (HTTP/2 with
// its preface said already, HTTP/1.1, or neither), the second how the input is cut. Handlers hear
// of their end once, are destroyed once, and nothing is left behind.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/http_session_peer.h"
#include "proxy/base/check.h"
#include "proxy/http/server_session.h"

namespace {

using namespace weir;  // NOLINT(google-build-using-namespace)

constexpr std::string_view kHello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);

int handlers = 0;

// Echoes; the target chooses how it misbehaves.
class Handler final : public RequestHandler {
 public:
  Handler(const RequestHead& head, ResponseWriter& writer)
      : writer_(writer), mode_(head.target.size() % 5) {
    ++handlers;
    if (mode_ == 1) writer_.SendHead({head.upgrade.empty() ? 200 : 101, {}});
    if (mode_ == 2) writer_.Reset();
    if (mode_ == 3) writer_.SendInformational({100, {}});
  }
  ~Handler() override { --handlers; }

  void OnBody(std::string_view bytes) override {
    WEIR_CHECK(!over_ && !ended_);
    if (mode_ != 4) writer_.ConsumeBody(bytes.size());
    writer_.SendBody(Bytes::Copy(bytes));
  }
  void OnEnd(HeaderList trailers) override {
    WEIR_CHECK(!over_ && !ended_);
    ended_ = true;
    writer_.SendHead({200, {}});
    writer_.End(std::move(trailers));
  }
  void OnWritable() override { WEIR_CHECK(!over_); }
  void OnReset(absl::Status /*reason*/) override {
    WEIR_CHECK(!over_);
    over_ = true;
  }

 private:
  ResponseWriter& writer_;
  const size_t mode_;
  bool ended_ = false;
  bool over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const char* const alpn = data[0] % 3 == 0 ? "h2" : data[0] % 3 == 1 ? "http/1.1" : "";
  std::string input(data[0] % 3 == 0 ? kHello : "");
  input.append(reinterpret_cast<const char*>(data) + 2, size - 2);

  FuzzDispatcher dispatcher;
  StatsRegistry registry;
  ServerSessionStats stats(registry);
  ServerSessionOptions options;
  options.max_header_bytes = 8192;
  auto owned = std::make_unique<FuzzByteStream>(input, 1 + data[1] * 16, alpn);
  FuzzByteStream& stream = *owned;
  bool closed = false;
  auto session = NewServerSession(
      dispatcher, std::move(owned), options, stats,
      [](const RequestHead& head, ResponseWriter& writer) {
        return std::make_unique<Handler>(head, writer);
      },
      [&closed](ServerSession* /*session*/) { closed = true; });
  stream.callbacks().on_connected(absl::OkStatus());
  for (int turn = 0; turn < 100 && !closed; ++turn) {
    dispatcher.RunAll();
    if (!closed) stream.callbacks().on_writable();
    if (!closed) stream.callbacks().on_readable();
  }
  session.reset();
  dispatcher.RunAll();
  WEIR_CHECK(handlers == 0);
  WEIR_CHECK(stats.open_streams->value() == 0 && stats.open_connections->value() == 0);
  return 0;
}
