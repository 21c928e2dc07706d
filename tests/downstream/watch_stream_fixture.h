// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "proxy/downstream/watch_stream.h"
#include "tests/cache/small_window_fixture.h"
#include "tests/support/fake_response_writer.h"

namespace weir {

// A client of a WatchStream, whose connection takes what it is told to take.
struct WatchClient {
  explicit WatchClient(Dispatcher& dispatcher) : writer(dispatcher) {}
  // Takes nothing more.
  void Stall() { writer.TakeAll(0); }
  void Take(size_t room = SIZE_MAX) {
    writer.TakeAll(room);
    stream->OnWritable();
  }
  // What it was sent: "ADDED a@11", "BOOKMARK@12", "END@12" for the end of the initial events.
  std::vector<std::string> Read() const {
    std::vector<std::string> read;
    const std::string& body = writer.body();
    for (size_t begin = 0; begin < body.size();) {
      const size_t end = body.find('\n', begin);
      const auto event = nlohmann::json::parse(body.substr(begin, end - begin));
      begin = end + 1;
      const std::string type = event["type"];
      if (type == "ERROR") {
        read.push_back(StrCat("ERROR ", event["object"]["code"].get<int>()));
        continue;
      }
      const auto& metadata = event["object"]["metadata"];
      const std::string at = StrCat("@", metadata["resourceVersion"].get<std::string>());
      if (type != "BOOKMARK") {
        read.push_back(StrCat(type, " ", metadata["name"].get<std::string>(), at));
      } else {
        read.push_back(StrCat(metadata.contains("annotations") ? "END" : "BOOKMARK", at));
      }
    }
    return read;
  }

  FakeResponseWriter writer;
  DeliveryMarks marks;
  std::unique_ptr<WatchStream> stream;
};

class WatchStreamFixture : public SmallWindowFixture {
 protected:
  // A watch from now on, with bookmarks.
  WatchClient& Watch(CacheReplica& replica, bool coalesce = true, EventView view = EventView()) {
    return WatchFrom(replica, replica.newest()->version, coalesce, std::move(view));
  }
  WatchClient& WatchFrom(CacheReplica& replica, ResourceVersion since, bool coalesce = true,
                         EventView view = EventView()) {
    Decision decision;
    decision.key = replica.key();
    decision.bookmarks = true;
    decision.at_least = since;
    return Start(replica,
                 WatchCursor::After(replica, std::move(view), replica.Find(since).value(), since),
                 decision, coalesce, SIZE_MAX);
  }
  WatchClient& StreamList(CacheReplica& replica, size_t room = SIZE_MAX, bool coalesce = true,
                          EventView view = EventView()) {
    Decision decision;
    decision.key = replica.key();
    decision.bookmarks = decision.stream_list = decision.initial_events = true;
    return Start(replica, WatchCursor::WithInitialEvents(replica, std::move(view)), decision,
                 coalesce, room);
  }
  double Ends(const std::string& reason) const {
    return registry_.Sum("weir_downstream_watch_ends_total", {{"reason", reason}});
  }
  double Pinned() const { return registry_.Sum("weir_downstream_pinned_bytes"); }

  static constexpr absl::Duration kTimeout = absl::Minutes(10);

  WatchStreamStats streams_{registry_};
  PinnedStreams pinned_{dispatcher_, 60000, registry_};
  std::vector<std::unique_ptr<WatchClient>> clients_;

 private:
  WatchClient& Start(CacheReplica& replica, WatchCursor cursor, const Decision& decision,
                     bool coalesce, size_t room) {
    clients_.push_back(std::make_unique<WatchClient>(dispatcher_));
    WatchClient& client = *clients_.back();
    client.writer.TakeAll(room);
    client.stream =
        std::make_unique<WatchStream>(replica, std::move(cursor), decision,
                                      WatchStreamOptions{.timeout = kTimeout, .coalesce = coalesce},
                                      ResponseHead(), client.writer, streams_, pinned_);
    client.stream->Start(&client.marks);
    return client;
  }
};

}  // namespace weir
