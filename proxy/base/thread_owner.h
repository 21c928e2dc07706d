// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <thread>

#include "proxy/base/check.h"

namespace weir {

// Remembers the thread that first used its object and checks, in debug builds, that no other
// one does. Put one in every object that belongs to a Dispatcher; call Check() in its methods.
class ThreadOwner {
 public:
#ifdef NDEBUG
  void Check() const {}
#else
  void Check() const {
    if (id_ == std::thread::id()) id_ = std::this_thread::get_id();
    WEIR_CHECK(id_ == std::this_thread::get_id());
  }

 private:
  mutable std::thread::id id_;
#endif
};

}  // namespace weir
