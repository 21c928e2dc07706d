// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/connector.h"

#include <utility>
#include <vector>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/upstream/dialed_stream.h"

namespace weir {
namespace {

// What all connections to one target share.
struct Dialer {
  Dispatcher& dispatcher;
  Resolver& resolver;
  const std::shared_ptr<const DialTarget> target;

  absl::StatusOr<std::shared_ptr<TlsContext>> ContextFor(
      const std::vector<std::string>& alpn) const {
    if (target->tls == nullptr) return nullptr;
    return target->tls->ContextFor(alpn);
  }
};

// One connection that is being made, until it is a stream that connects by itself.
class Dial final : public Cancellable {
 public:
  using Done = std::function<void(absl::StatusOr<ByteStreamPtr>)>;

  Dial(Dialer& dialer, absl::StatusOr<std::shared_ptr<TlsContext>> context, Done done)
      : dispatcher_(dialer.dispatcher),
        target_(dialer.target),
        context_(std::move(context)),
        done_(std::move(done)),
        deadline_(dispatcher_.Now() + target_->timeout),
        timer_(dispatcher_.CreateTimer([this] { OnTimeout(); })) {
    timer_->Enable(target_->timeout);
    resolving_ = dialer.resolver.Resolve(
        dispatcher_, target_->host, target_->port,
        [this](absl::StatusOr<std::vector<Address>> found) { OnResolved(std::move(found)); });
  }

 private:
  // Both end by calling out; the callee may destroy this.
  void OnTimeout() {
    resolving_.reset();
    Finish(
        UnavailableError(StrCat("no answer to the look-up of ", Quoted(target_->host), " within ",
                                absl::FormatDuration(target_->timeout), "; is DNS reachable?")));
  }

  void OnResolved(absl::StatusOr<std::vector<Address>> found) {
    timer_->Disable();
    if (!found.ok()) return Finish(std::move(found).status());
    if (!context_.ok()) return Finish(std::move(context_).status());
    Finish(
        NewDialedStream(dispatcher_, target_, *std::move(context_), *std::move(found), deadline_));
  }

  void Finish(absl::StatusOr<ByteStreamPtr> result) {
    if (!result.ok()) {
      result = Annotate(result.status(), StrCat("cannot connect to the API server at ",
                                                HostPort(target_->host, target_->port)));
    }
    const Done done = std::exchange(done_, nullptr);
    done(std::move(result));
  }

  Dispatcher& dispatcher_;
  const std::shared_ptr<const DialTarget> target_;
  absl::StatusOr<std::shared_ptr<TlsContext>> context_;
  Done done_;
  const MonotonicTime deadline_;
  const TimerPtr timer_;
  RequestHandle resolving_;
};

}  // namespace

std::string HostPort(std::string_view host, uint16_t port) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return v6 ? StrCat("[", host, "]:", port) : StrCat(host, ":", port);
}

Connector NewConnector(Dispatcher& dispatcher, Resolver& resolver, DialTarget target) {
  auto dialer = std::make_shared<Dialer>(
      Dialer{dispatcher, resolver, std::make_shared<const DialTarget>(std::move(target))});
  return [dialer](const std::vector<std::string>& alpn, Dial::Done done) -> RequestHandle {
    return std::make_unique<Dial>(*dialer, dialer->ContextFor(alpn), std::move(done));
  };
}

}  // namespace weir
