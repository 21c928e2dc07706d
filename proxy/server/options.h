// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "proxy/cache/cacher.h"
#include "proxy/downstream/router.h"
#include "proxy/http/server_session.h"
#include "proxy/server/config.h"
#include "proxy/upstream/upstream.h"

namespace weir {

// The configuration as each layer's own options. Each layer declares what it takes; only this
// folder knows the file they come from.
UpstreamOptions UpstreamOptionsOf(const Config& config);
CacherOptions CacherOptionsOf(const Config& config);
RouterOptions RouterOptionsOf(const Config& config);
ServerSessionOptions SessionOptionsOf(const Config& config);

// The configuration in force, as a file that ParseConfig reads; holds no secret.
std::string ConfigYaml(const Config& config);

}  // namespace weir
