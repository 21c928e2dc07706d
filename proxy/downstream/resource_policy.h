// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weir {

// What is done with a read that asks for the most recent state.
enum class Freshness {
  kRelaxed,  // Answered from a cache whose watch is up and that is not behind what has passed here.
  kVerified,  // Answered from a cache that one metadata list has proved current since it was asked.
  kForward,
};

struct ResourcePolicy {
  Freshness initial_sync = Freshness::kRelaxed;      // Watches that begin at the most recent state.
  Freshness consistent_reads = Freshness::kForward;  // LIST and GET with resourceVersion="".
  bool coalesce = true;  // false: a watch that falls behind the window is ended, not caught up.
};

}  // namespace weir
