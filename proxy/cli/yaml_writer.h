// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "proxy/server/yaml_document.h"

namespace weir {

// The document as YAML in block style, without comments. What was a string in the source stays one
// for every reader of YAML 1.1 and 1.2 ("6443", "yes"), what was plain stays plain.
std::string WriteYaml(const YamlNode& document);

}  // namespace weir
