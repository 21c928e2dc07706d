// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_exchange.h"

#include <chrono>
#include <utility>

#include "proxy/base/strings.h"
#include "proxy/kube/watch_decoder.h"

namespace weir {
namespace {

uint64_t NumberOf(ResourceVersion version) { return ParseUint64(version.ToString()).value_or(0); }

TestEvent Decode(Representation representation, std::string frame) {
  TestEvent event;
  WatchDecoder decoder(representation);
  std::vector<WatchEvent> events;
  const absl::Status decoded = decoder.Decode(frame, events);
  event.frame = std::move(frame);
  if (!decoded.ok() || events.size() != 1) return event;
  const WatchEvent& read = events.front();
  event.type = WatchEventTypeName(read.type);
  event.version = NumberOf(read.version);
  event.initial_events_end = read.initial_events_end;
  if (read.type == WatchEventType::kError) {
    event.error_code = read.error.code;
    event.error_reason = read.error.reason;
  }
  if (read.object != nullptr) {
    event.namespace_name = read.object->namespace_name();
    event.name = read.object->name();
    event.uid = read.object->uid();
  }
  return event;
}

}  // namespace

TestWatch::Exchange::Exchange(std::shared_ptr<TestLoop> loop, std::shared_ptr<const void> owner,
                              ClientPool& pool, RequestHead head, std::string_view body,
                              bool paused)
    : loop_(std::move(loop)), owner_(std::move(owner)), paused_(paused) {
  head_.status = 0;
  const bool ends = !head.end_of_stream && head.upgrade.empty();
  loop_->Run([&] {
    stream_ = pool.Send(std::move(head), *this);
    if (!body.empty()) stream_->SendBody(Bytes::Copy(body));
    if (ends) stream_->End();
  });
}

TestWatch::Exchange::~Exchange() {
  loop_->Run([this] { stream_.reset(); });
}

template <typename Holds>
void TestWatch::Exchange::Wait(std::unique_lock<std::mutex>& lock, absl::Duration wait,
                               Holds holds) {
  changed_.wait_for(lock, absl::ToChronoMilliseconds(wait), holds);
}

ResponseHead TestWatch::Exchange::WaitForHead(absl::Duration wait) {
  std::unique_lock lock(mutex_);
  Wait(lock, wait, [this] { return head_received_ || state_ != State::kOpen; });
  return head_;
}

std::optional<TestEvent> TestWatch::Exchange::NextEvent(absl::Duration wait) {
  std::unique_lock lock(mutex_);
  std::optional<std::string> frame;
  Wait(lock, wait, [&] {
    if (!frame) frame = TakeFrame();
    return frame.has_value() || state_ != State::kOpen;
  });
  if (!frame) return std::nullopt;
  return Decode(RepresentationOf(head_.headers.Get("content-type")).value_or(Representation::kJson),
                *std::move(frame));
}

std::optional<std::string> TestWatch::Exchange::TakeFrame() {
  const std::string_view left = std::string_view(bytes_).substr(taken_);
  size_t size = 0;
  if (RepresentationOf(head_.headers.Get("content-type")) == Representation::kProtobuf) {
    if (left.size() < 4) return std::nullopt;
    for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(left[i]);
    size += 4;
  } else {
    size = left.find('\n') + 1;  // npos + 1 is 0.
  }
  if (size == 0 || left.size() < size) return std::nullopt;
  std::string frame(left.substr(0, size));
  taken_ += size;
  if (taken_ * 2 > bytes_.size()) bytes_.erase(0, std::exchange(taken_, 0));
  return frame;
}

TestWatch::State TestWatch::Exchange::WaitForEnd(absl::Duration wait) {
  std::unique_lock lock(mutex_);
  Wait(lock, wait, [this] { return state_ != State::kOpen; });
  return state_;
}

absl::Status TestWatch::Exchange::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void TestWatch::Exchange::SetPaused(bool paused) {
  {
    const std::lock_guard lock(mutex_);
    paused_ = paused;
  }
  if (paused) return;
  loop_->Run([this] {
    if (const size_t held = std::exchange(unconsumed_, 0); held > 0 && stream_ != nullptr) {
      stream_->ConsumeBody(held);
    }
  });
}

void TestWatch::Exchange::SendBody(std::string_view bytes) {
  loop_->Run([&] { stream_->SendBody(Bytes::Copy(bytes)); });
}

void TestWatch::Exchange::EndBody() {
  loop_->Run([this] { stream_->End(); });
}

size_t TestWatch::Exchange::bytes_received() {
  const std::lock_guard lock(mutex_);
  return received_;
}

std::string TestWatch::Exchange::TakeBody() {
  const std::lock_guard lock(mutex_);
  return std::exchange(bytes_, "").substr(std::exchange(taken_, 0));
}

void TestWatch::Exchange::OnHead(ResponseHead head) {
  const std::lock_guard lock(mutex_);
  head_received_ = true;
  head_ = std::move(head);
  changed_.notify_all();
}

void TestWatch::Exchange::OnResponseBody(std::string_view bytes) {
  bool paused = false;
  {
    const std::lock_guard lock(mutex_);
    bytes_.append(bytes);
    received_ += bytes.size();
    paused = paused_;
    changed_.notify_all();
  }
  if (paused) {
    unconsumed_ += bytes.size();
  } else {
    stream_->ConsumeBody(bytes.size());
  }
}

void TestWatch::Exchange::OnResponseEnd(HeaderList) {
  const std::lock_guard lock(mutex_);
  state_ = State::kEnded;
  changed_.notify_all();
}

void TestWatch::Exchange::OnResponseFailed(absl::Status reason, bool) {
  const std::lock_guard lock(mutex_);
  state_ = State::kFailed;
  failure_ = std::move(reason);
  changed_.notify_all();
}

}  // namespace weir
