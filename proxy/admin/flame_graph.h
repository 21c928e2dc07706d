// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "proxy/profile/profiler.h"

namespace weir {

// A profile as an SVG of its own: a bar for each function, as wide as the samples it was found in,
// beneath its caller. Each bar is a link to the same with that bar as wide as the page: `at` is the
// bar's number, in the order in which they are drawn; 0 is all. Needs no script. nullopt: there is
// no such bar.
std::optional<std::string> RenderFlameGraph(const Profile& profile, size_t at = 0);

}  // namespace weir
