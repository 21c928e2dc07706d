// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/router.h"

#include <utility>

#include "proxy/downstream/routed_request.h"

namespace weir {

class Router::Core {
 public:
  explicit Core(RouterContext context) : context_(std::move(context)) {
    context_.late = std::make_unique<LateStreams>(context_.dispatcher, context_.open_streams,
                                                  context_.registry);
  }
  RouterContext context_;
};

Router::Router(Dispatcher& dispatcher, CacherMap& caches, Authenticator& authenticator,
               Upstream& upstream, ReadFloors& floors, const RouterOptions& options,
               StatsRegistry& registry, SeenSink seen)
    : core_(new Core(RouterContext{.dispatcher = dispatcher,
                                   .caches = caches,
                                   .authenticator = authenticator,
                                   .upstream = upstream,
                                   .floors = floors,
                                   .options = options,
                                   .registry = registry,
                                   .tap = std::make_unique<EventTap>(dispatcher, std::move(seen)),
                                   .no_protobuf = {},
                                   .open_streams = {}})) {}

Router::~Router() = default;

RequestHandlerPtr Router::Handle(RequestHead head, ResponseWriter& writer) {
  // Before the head moves: the decision's views are read only here.
  Decision decision = Decide(head, core_->context_.options.decision);
  decision.info.path = decision.info.query = {};
  const bool forward = decision.kind == Decision::Kind::kForward;
  const ForwardReason reason = decision.reason;
  auto request = std::make_unique<RoutedRequest>(core_->context_, std::move(head),
                                                 std::move(decision), writer);
  if (forward) request->ForwardNow(reason);
  return request;
}

std::vector<StreamRow> Router::Streams() const {
  std::vector<StreamRow> rows;
  const RouterContext& context = core_->context_;
  rows.reserve(context.open_streams.size() + context.forwarded_watches.size());
  for (const auto* requests : {&context.open_streams, &context.forwarded_watches}) {
    for (const RoutedRequest* request : *requests) rows.push_back(request->Describe());
  }
  return rows;
}

std::vector<ClientRow> Router::Clients() const { return core_->context_.clients.Rows(); }

}  // namespace weir
