// SPDX-License-Identifier: Apache-2.0
//
// WatchDecoder, JSON: see CheckWatchStream.

#include "fuzz/watch_decoder_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::CheckWatchStream(weir::Representation::kJson, data, size);
  return 0;
}
