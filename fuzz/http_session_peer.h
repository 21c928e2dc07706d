// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/event/dispatcher.h"
#include "proxy/net/byte_stream.h"

// The least world that a session lives in: a loop without time, and a connection whose other end
// says what the fuzzer likes.

namespace weir {

class FuzzDispatcher final : public Dispatcher {
 public:
  ~FuzzDispatcher() override { RunAll(); }

  MonotonicTime Now() override { return MonotonicTime::FromNanos(1'000'000'000); }
  MonotonicTime ReadySince() override { return Now(); }
  void ReportSlowTurns(absl::Duration, std::function<void(absl::Duration)>) override {}
  void Post(Callback callback) override { posted_.push_back(std::move(callback)); }
  TimerPtr CreateTimer(std::function<void()> /*callback*/) override {
    return std::make_unique<NoTimer>();
  }
  FileEventPtr CreateFileEvent(int /*fd*/, FileReadyCallback /*ready*/) override { return nullptr; }
  SignalEventPtr ListenForSignal(int /*signal*/, std::function<void()> /*callback*/) override {
    return nullptr;
  }
  void DeferDelete(std::unique_ptr<Deferred> object) override {
    deferred_.push_back(std::move(object));
  }
  void Run() override {}
  void Exit() override {}
  bool IsCurrent() const override { return true; }
  void DropPending() override { posted_.clear(); }

  void RunAll() {
    while (!posted_.empty() || !deferred_.empty()) {
      for (Callback& callback : std::exchange(posted_, {})) callback();
      std::exchange(deferred_, {}).clear();
    }
  }

 private:
  class NoTimer final : public Timer {
   public:
    void Enable(absl::Duration /*delay*/) override { enabled_ = true; }
    void Disable() override { enabled_ = false; }
    bool enabled() const override { return enabled_; }

   private:
    bool enabled_ = false;
  };
  std::vector<Callback> posted_;
  std::vector<std::unique_ptr<Deferred>> deferred_;
};

class FuzzByteStream final : public ByteStream {
 public:
  FuzzByteStream(std::string_view input, size_t piece, std::string alpn)
      : input_(input), piece_(piece), alpn_(std::move(alpn)) {}

  void SetCallbacks(Callbacks callbacks) override { callbacks_ = std::move(callbacks); }
  Result Read(char* buffer, size_t size) override {
    Result result;
    result.bytes = std::min({size, input_.size(), piece_});
    std::copy_n(input_.data(), result.bytes, buffer);
    input_.remove_prefix(result.bytes);
    result.end = result.bytes == 0;
    return result;
  }
  Result Write(std::string_view bytes) override {
    // Blocks now and then.
    Result result;
    result.would_block = ++writes_ % 3 == 0;
    result.bytes = result.would_block ? bytes.size() / 2 : bytes.size();
    return result;
  }
  void ReadAgainSoon() override {}
  void ShutdownWrite() override {}
  std::string_view alpn() const override { return alpn_; }
  std::string peer() const override { return "fuzzer"; }

  Callbacks& callbacks() { return callbacks_; }

 private:
  std::string_view input_;
  const size_t piece_;
  const std::string alpn_;
  Callbacks callbacks_;
  int writes_ = 0;
};

}  // namespace weir
