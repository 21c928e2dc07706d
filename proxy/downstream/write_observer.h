// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/cache/version_floors.h"
#include "proxy/http/exchange.h"
#include "proxy/kube/media_type.h"
#include "proxy/kube/resource.h"

namespace weir {

// Stands between a forwarded write and its client: reads the version of the object in the answer
// and notes it before the client has the answer whole, so that whoever has been told of a write
// finds it in the next cached read, on any worker. Holds the body back until it is complete; an
// answer larger than any object is passed on unread.
class WriteObserver : public ResponseWriter {
 public:
  // REQUIRES: both references outlive it.
  WriteObserver(ResponseWriter& writer, VersionFloors& written, GroupVersionResource resource)
      : writer_(writer), written_(written), resource_(std::move(resource)) {}

  void SendInformational(const ResponseHead& head) override { writer_.SendInformational(head); }
  void SendHead(const ResponseHead& head) override;
  void SendBody(Bytes bytes) override;
  void End(HeaderList trailers) override;
  void Reset() override { writer_.Reset(); }
  bool writable() const override { return writer_.writable(); }
  size_t queued_bytes() const override { return writer_.queued_bytes() + held_.size(); }
  void ConsumeBody(size_t count) override { writer_.ConsumeBody(count); }
  Dispatcher& dispatcher() override { return writer_.dispatcher(); }
  std::string peer() const override { return writer_.peer(); }

 private:
  void Release();

  ResponseWriter& writer_;
  VersionFloors& written_;
  const GroupVersionResource resource_;
  std::optional<Representation> observed_;  // Set while the body is being held.
  std::string held_;
};

}  // namespace weir
