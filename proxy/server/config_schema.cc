// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/config_schema.h"

#include <algorithm>
#include <limits>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/net/address.h"
#include "proxy/server/quantity.h"

namespace weir {
namespace {

constexpr std::string_view kGivenTwice = "given a second time; which one is meant?";
constexpr size_t kMaxMistakes = 100;  // A file with more is not a configuration.

// Reads plain or quoted text; `parse` returns what is wrong with it, or "".
template <typename Parse>
ConfigReader ReadScalar(std::string_view wanted, Parse parse) {
  return [wanted, parse](const YamlNode& node, const std::string& path, ConfigMistakes& mistakes) {
    if (node.kind != YamlNode::Kind::kScalar) {
      mistakes.Add(node, path, StrCat("must be ", wanted, ", not ", DescribeNode(node)));
    } else if (const std::string wrong = parse(node); !wrong.empty()) {
      mistakes.Add(node, path, wrong);
    }
  };
}

// Resources as kubectl prints them: "pods", "leases.coordination.k8s.io".
bool IsResourceName(std::string_view name) {
  return !name.empty() && name.size() <= 253 && name.front() >= 'a' && name.front() <= 'z' &&
         name.back() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

std::string NotAResource(const YamlNode& node) {
  return StrCat(
      "must be a resource as kubectl prints it, like pods or leases.coordination.k8s.io, not ",
      DescribeNode(node));
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string nearest = NearestOf(word, candidates);
  return nearest.empty() ? "" : StrCat(" (did you mean \"", nearest, "\"?)");
}

// Reads maps by a table. `prefix` is the path of a map in the table: "", or one that ends in a
// dot; its path in the file begins with `base`.
class MapReader {
 public:
  MapReader(const std::string& base, const std::vector<ConfigField>& fields,
            ConfigMistakes& mistakes)
      : base_(base.empty() ? "" : base + "."), fields_(fields), mistakes_(mistakes) {}

  void Read(const YamlNode& map, const std::string& prefix) {
    if (map.kind == YamlNode::Kind::kNull) return;  // "cache:" with nothing in it.
    const std::string place = base_ + prefix;
    if (map.kind != YamlNode::Kind::kMap) {
      mistakes_.Add(map, place.substr(0, place.size() - (place.empty() ? 0 : 1)),
                    StrCat("must be a map of keys, not ", DescribeNode(map)));
      return;
    }
    StringSet seen;
    for (const YamlNode::Member& member : map.members) {
      if (seen.insert(member.key).second) {
        ReadMember(member, prefix);
      } else {
        mistakes_.Add(member.line, member.column, place + member.key, kGivenTwice);
      }
    }
  }

 private:
  void ReadMember(const YamlNode::Member& member, const std::string& prefix) {
    const std::string path = prefix + member.key;
    for (const ConfigField& field : fields_) {
      if (field.path == path && member.key.find('.') == std::string::npos) {
        return field.read(member.value, base_ + path, mistakes_);
      }
    }
    const bool is_section = std::any_of(fields_.begin(), fields_.end(), [&](const auto& field) {
      return !member.key.empty() && field.path.starts_with(path + ".");
    });
    if (is_section) return Read(member.value, path + ".");
    mistakes_.Add(member.line, member.column, base_ + path,
                  StrCat("no such key", DidYouMean(member.key, KeysAt(prefix))));
  }

  std::vector<std::string> KeysAt(std::string_view prefix) const {
    std::vector<std::string> keys;
    for (const ConfigField& field : fields_) {
      if (!field.path.starts_with(prefix)) continue;
      const std::string rest = field.path.substr(prefix.size());
      keys.push_back(rest.substr(0, rest.find('.')));
    }
    return keys;
  }

  const std::string base_;  // "" or ends in a dot.
  const std::vector<ConfigField>& fields_;
  ConfigMistakes& mistakes_;
};

}  // namespace

void ConfigMistakes::Add(int line, int column, std::string_view path, std::string_view message) {
  const std::string place = file_.empty() ? "" : YamlPlace(file_, line, column);
  mistakes_.push_back({line, column, StrCat(place, path, path.empty() ? "" : ": ", message)});
}

absl::Status ConfigMistakes::ToStatus() const {
  if (mistakes_.empty()) return absl::OkStatus();
  std::vector<Mistake> sorted = mistakes_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Mistake& a, const Mistake& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  std::string text;
  for (size_t i = 0; i < sorted.size() && i < kMaxMistakes; ++i) {
    StrAppend(text, i == 0 ? "" : "\n", sorted[i].text);
  }
  if (sorted.size() > kMaxMistakes) {
    StrAppend(text, "\n", file_, ": and ", sorted.size() - kMaxMistakes, " more mistakes");
  }
  return InvalidArgumentError(text);
}

void ReadFields(const YamlNode& root, const std::string& base,
                const std::vector<ConfigField>& fields, ConfigMistakes& mistakes) {
  MapReader(base, fields, mistakes).Read(root, "");
}

void ReportDuplicateKeys(const YamlNode& node, const std::string& path, ConfigMistakes& mistakes) {
  StringSet seen;
  for (const YamlNode::Member& member : node.members) {
    const std::string key = StrCat(path, path.empty() ? "" : ".", member.key);
    if (!seen.insert(member.key).second) {
      mistakes.Add(member.line, member.column, key, kGivenTwice);
    }
    ReportDuplicateKeys(member.value, key, mistakes);
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    ReportDuplicateKeys(node.items[i], StrCat(path, "[", i, "]"), mistakes);
  }
}

ConfigReader ReadText(std::string& target) {
  return ReadScalar("a text", [&target](const YamlNode& node) {
    target = node.scalar;
    return "";
  });
}

ConfigReader ReadBool(bool& target) {
  return ReadBool([&target](bool value) { target = value; });
}

ConfigReader ReadBool(std::function<void(bool)> set) {
  return ReadScalar("true or false", [set](const YamlNode& node) -> std::string {
    if (node.quoted || (node.scalar != "true" && node.scalar != "false")) {
      return StrCat("must be true or false, not ", DescribeNode(node));
    }
    set(node.scalar == "true");
    return "";
  });
}

ConfigReader ReadChoice(std::vector<std::string> words, std::function<void(size_t)> set) {
  std::string wanted;
  for (size_t i = 0; i < words.size(); ++i) {
    StrAppend(wanted, i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", words[i]);
  }
  return ReadScalar(wanted, [words, wanted, set](const YamlNode& node) -> std::string {
    const auto word = std::find(words.begin(), words.end(), node.scalar);
    if (word == words.end()) {
      return StrCat("must be ", wanted, ", not ", Quoted(node.scalar),
                    DidYouMean(node.scalar, words));
    }
    set(static_cast<size_t>(word - words.begin()));
    return "";
  });
}

ConfigReader ReadAddress(std::string& target) {
  return ReadScalar("an address", [&target](const YamlNode& node) -> std::string {
    if (!Address::Parse(node.scalar).ok()) {
      return StrCat("must be an address and a port like 127.0.0.1:6443 or [::1]:6443, not ",
                    Quoted(node.scalar));
    }
    target = node.scalar;
    return "";
  });
}

ConfigReader ReadLogLevel(LogLevel& target) {
  return ReadScalar("a log level", [&target](const YamlNode& node) -> std::string {
    const auto level = ParseLogLevel(node.scalar);
    if (!level) {
      return StrCat("must be debug, info, warning, error or off, not ", Quoted(node.scalar),
                    DidYouMean(node.scalar, {"debug", "info", "warning", "error", "off"}));
    }
    target = *level;
    return "";
  });
}

ConfigReader ReadDuration(absl::Duration& target, absl::Duration min, absl::Duration max) {
  return ReadScalar(
      "a duration like 10s", [&target, min, max](const YamlNode& node) -> std::string {
        const auto duration = ParseDurationText(node.scalar);
        if (!duration) {
          return StrCat("must be a duration with a unit, like 10s, 1m30s or 500ms, not ",
                        Quoted(node.scalar));
        }
        if (*duration < min || *duration > max) {
          return StrCat("must be between ", DurationText(min), " and ", DurationText(max), ", not ",
                        Quoted(node.scalar));
        }
        target = *duration;
        return "";
      });
}

ConfigReader ReadBytes(size_t& target, size_t min, size_t max) {
  return ReadScalar("a size like 16Mi", [&target, min, max](const YamlNode& node) -> std::string {
    const auto bytes = ParseByteSize(node.scalar);
    if (!bytes) {
      return StrCat("must be a number of bytes, like 65536, 64Ki, 16Mi or 1Gi, not ",
                    Quoted(node.scalar));
    }
    if (*bytes < min || *bytes > max) {
      return StrCat("must be between ", ByteSizeText(min), " and ", ByteSizeText(max), ", not ",
                    Quoted(node.scalar));
    }
    target = *bytes;
    return "";
  });
}

ConfigReader ReadNumber(int64_t min, int64_t max, std::function<void(int64_t)> set) {
  return ReadScalar("a number", [min, max, set](const YamlNode& node) -> std::string {
    const auto number = node.quoted ? std::nullopt : ParseInt64(node.scalar);
    if (!number) return StrCat("must be a whole number, not ", DescribeNode(node));
    if (*number < min || *number > max) {
      return StrCat("must be between ", min, " and ", max, ", not ", *number);
    }
    set(*number);
    return "";
  });
}

ConfigReader ReadResourceName(std::string& target) {
  return ReadScalar("a resource", [&target](const YamlNode& node) -> std::string {
    if (!IsResourceName(node.scalar)) return NotAResource(node);
    target = node.scalar;
    return "";
  });
}

ConfigReader ReadResourceNames(std::vector<std::string>& target) {
  return [&target](const YamlNode& node, const std::string& path, ConfigMistakes& mistakes) {
    if (node.kind != YamlNode::Kind::kNull && node.kind != YamlNode::Kind::kSequence) {
      mistakes.Add(node, path,
                   StrCat("must be a list of resource names, not ", DescribeNode(node)));
      return;
    }
    target.clear();
    for (size_t i = 0; i < node.items.size(); ++i) {
      const YamlNode& item = node.items[i];
      if (item.kind == YamlNode::Kind::kScalar && IsResourceName(item.scalar)) {
        target.push_back(item.scalar);
      } else {
        mistakes.Add(item, StrCat(path, "[", i, "]"), NotAResource(item));
      }
    }
  };
}

std::string DescribeNode(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing (leave the key out to have its default)";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar:
      break;
  }
  return node.quoted ? StrCat("the text ", Quoted(node.scalar)) : Quoted(node.scalar);
}

}  // namespace weir
