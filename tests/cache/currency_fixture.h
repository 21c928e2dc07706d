// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "tests/cache/cache_fixture.h"

namespace weir {

// A cache whose proofs of being current are counted, with a source that can lag and lose.
class CurrencyFixture : public CacheFixture {
 protected:
  explicit CurrencyFixture(CacherOptions options = {}) : CacheFixture(std::move(options)) {
    dispatcher_.Advance(absl::Minutes(1));  // So that no time is the default value.
  }

  double Proofs(const std::string& result) const {
    return registry_.Sum("weir_cache_proofs_total", {{"result", result}});
  }
  // Until the list has been asked for, and not answered.
  void RunUntilListed(int lists) {
    while (resource_.metadata_lists() < lists) ASSERT_TRUE(dispatcher_.RunOnce());
  }
  void Lag(bool lag) {
    resource_.SetFaults([lag](auto& faults) { faults.watches_lag = lag; });
  }
  void LoseNextEvent() {
    resource_.SetFaults([](auto& faults) { faults.lost_events = 1; });
  }
};

}  // namespace weir
