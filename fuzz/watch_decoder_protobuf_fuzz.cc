// SPDX-License-Identifier: Apache-2.0
//
// WatchDecoder, protobuf: see CheckWatchStream.

#include "fuzz/watch_decoder_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::CheckWatchStream(weir::Representation::kProtobuf, data, size);
  return 0;
}
