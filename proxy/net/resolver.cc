// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/resolver.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include <netdb.h>
#include <sys/socket.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

using Addresses = std::vector<Address>;

// Blocks, for as long as the system's resolver takes.
absl::StatusOr<Addresses> AskSystem(const std::string& host, uint16_t port) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    const char* const reason = error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error);
    return UnavailableError(StrCat("cannot resolve ", Quoted(host), ": ", Lower(reason),
                                   "; is the name right and DNS reachable?"));
  }
  Addresses addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    addresses.push_back(Address::FromSockaddr(one->ai_addr, one->ai_addrlen));
  }
  freeaddrinfo(found);
  return addresses;
}

// One question. Its mutex orders cancelling and answering: nothing is posted to a dispatcher
// whose handles are gone, so a dispatcher may go before a slow answer comes.
struct Question {
  Question(Dispatcher& asker, std::string name, uint16_t number, Resolver::Callback callback)
      : dispatcher(asker), host(std::move(name)), port(number), done(std::move(callback)) {}

  Dispatcher& dispatcher;
  const std::string host;
  const uint16_t port;
  Resolver::Callback done;  // Used on the dispatcher's thread only.
  std::mutex mutex;
  bool cancelled = false;  // Guarded by `mutex`.
};
using QuestionPtr = std::shared_ptr<Question>;

bool IsCancelled(Question& question) {
  const std::lock_guard lock(question.mutex);
  return question.cancelled;
}

void Answer(QuestionPtr question, absl::StatusOr<Addresses> answer) {
  // Stays locked while posting; kept alive here until it is unlocked.
  const QuestionPtr kept = question;
  const std::lock_guard lock(kept->mutex);
  if (kept->cancelled) return;
  kept->dispatcher.Post([question = std::move(question), answer = std::move(answer)]() mutable {
    if (Resolver::Callback done = std::exchange(question->done, nullptr)) done(std::move(answer));
  });
}

class Handle final : public Cancellable {
 public:
  explicit Handle(QuestionPtr question) : question_(std::move(question)) {}
  ~Handle() override {
    question_->done = nullptr;
    const std::lock_guard lock(question_->mutex);
    question_->cancelled = true;
  }

 private:
  const QuestionPtr question_;
};

}  // namespace

// What the thread and the Resolver share. The thread is left behind when it is inside
// getaddrinfo at the end: that may take long, and stopping must not.
class Resolver::Worker {
 public:
  explicit Worker(LookUp look_up) : look_up_(std::move(look_up)) {}
  static std::shared_ptr<Worker> Start(LookUp look_up) {
    auto worker = std::make_shared<Worker>(std::move(look_up));
    worker->thread_ = std::thread([worker] { worker->Run(); });
    return worker;
  }

  void Add(QuestionPtr question) {
    const std::lock_guard lock(mutex_);
    questions_.push_back(std::move(question));
    changed_.notify_one();
  }

  void Stop() {
    bool busy;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      questions_.clear();
      busy = busy_;
      changed_.notify_one();
    }
    if (busy) {
      thread_.detach();
    } else {
      thread_.join();
    }
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopped_ || !questions_.empty(); });
      if (stopped_) return;
      QuestionPtr question = std::move(questions_.front());
      questions_.pop_front();
      busy_ = true;
      lock.unlock();
      // Where DNS does not answer, who asks gives up and asks again long before this is done with
      // one question.
      if (!IsCancelled(*question)) {
        auto answer = look_up_(question->host, question->port);
        Answer(std::move(question), std::move(answer));
      }
      lock.lock();
      busy_ = false;
    }
  }

  const LookUp look_up_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<QuestionPtr> questions_;  // These three guarded by mutex_.
  bool busy_ = false;
  bool stopped_ = false;
};

Resolver::Resolver(LookUp look_up)
    : worker_(Worker::Start(look_up ? std::move(look_up) : LookUp(AskSystem))) {}
Resolver::~Resolver() { worker_->Stop(); }

RequestHandle Resolver::Resolve(Dispatcher& dispatcher, const std::string& host, uint16_t port,
                                Callback done) {
  auto question = std::make_shared<Question>(dispatcher, host, port, std::move(done));
  if (auto address = Address::FromIp(host, port); address.ok()) {
    Answer(question, Addresses{*std::move(address)});
  } else {
    worker_->Add(question);
  }
  return std::make_unique<Handle>(std::move(question));
}

}  // namespace weir
