// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/yaml_document.h"

#include <exception>
#include <sstream>
#include <stdexcept>

#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

// Thrown through yaml-cpp's parser, whose callbacks cannot fail otherwise; caught in ParseYaml.
class Refusal : public std::runtime_error {
 public:
  Refusal(const YAML::Mark& mark, const std::string& message)
      : std::runtime_error(message), mark_(mark) {}
  const YAML::Mark& mark() const { return mark_; }

 private:
  YAML::Mark mark_;
};

// Makes nodes of the parser's events.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const YamlLimits& limits)
      : max_depth_(limits.max_depth), refuses_(limits.refuse_aliases_and_tags) {}
  YamlNode TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Add(mark, YamlNode::Kind::kNull); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!refuses_) return OnScalar(mark, "", anchor, "");
    throw Refusal(mark, "aliases (*name) are not taken; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    // "!" is what the parser says of quoted text, "?" of plain text.
    const bool is_string = tag == "!" || tag == "tag:yaml.org,2002:str";
    if (!is_string) RefuseTag(mark, tag);
    YamlNode& node = Add(mark, YamlNode::Kind::kScalar);
    node.scalar = value;
    node.quoted = is_string;
    // A scalar in a key's place has become the member's name, and this is the key alone.
    if (&node == &key_) FinishKey(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    RefuseTag(mark, tag);
    Open(mark, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    RefuseTag(mark, tag);
    Open(mark, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct Level {
    YamlNode* node;
    bool key_next;  // Of a map: the next scalar is a key.
  };

  void RefuseTag(const YAML::Mark& mark, const std::string& tag) const {
    if (!refuses_ || tag.empty() || tag == "?" || tag == "!") return;
    throw Refusal(mark, StrCat("tags (", tag, ") are not taken"));
  }

  // The node that the next event fills. Nodes of open levels do not move: their parents get no
  // further children before they are closed.
  YamlNode& Add(const YAML::Mark& mark, YamlNode::Kind kind) {
    YamlNode* node = &root_;
    if (!open_.empty()) {
      Level& level = open_.back();
      if (level.node->kind == YamlNode::Kind::kSequence) {
        node = &level.node->items.emplace_back();
      } else if (level.key_next) {
        if (kind != YamlNode::Kind::kScalar) throw Refusal(mark, "a key must be a plain word");
        node = &key_;
      } else {
        node = &level.node->members.back().value;
        level.key_next = true;
      }
    }
    node->kind = kind;
    node->line = mark.line + 1;
    node->column = mark.column + 1;
    return *node;
  }

  void FinishKey(const YAML::Mark& mark) {
    Level& level = open_.back();
    YamlNode::Member& member = level.node->members.emplace_back();
    member.key = std::exchange(key_.scalar, {});
    member.line = mark.line + 1;
    member.column = mark.column + 1;
    level.key_next = false;
  }

  void Open(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (static_cast<int>(open_.size()) >= max_depth_) {
      throw Refusal(mark, StrCat("nested deeper than ", max_depth_, " levels"));
    }
    YamlNode& node = Add(mark, kind);
    open_.push_back({&node, true});
  }

  const int max_depth_;
  const bool refuses_;
  YamlNode root_;
  YamlNode key_;
  std::vector<Level> open_;
};

absl::StatusOr<YamlNode> Mistake(std::string_view file, const YAML::Mark& mark,
                                 std::string_view message) {
  const bool known = !mark.is_null();
  return InvalidArgumentError(
      StrCat(YamlPlace(file, known ? mark.line + 1 : 1, known ? mark.column + 1 : 1), message));
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

std::string YamlPlace(std::string_view file, int line, int column) {
  return StrCat(file, ":", line, ":", column, ": ");
}

absl::StatusOr<YamlNode> ParseYaml(std::string_view file, std::string_view text,
                                   const YamlLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return InvalidArgumentError(StrCat(file, ": ", text.size(), " bytes, more than the ",
                                       limits.max_bytes, " that are taken; is it the right file?"));
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder(limits);
    if (!parser.HandleNextDocument(builder)) return YamlNode{};
    TreeBuilder more(limits);
    if (parser.HandleNextDocument(more)) {
      return InvalidArgumentError(StrCat(file, ": more than one document (a line ---)"));
    }
    return builder.TakeRoot();
  } catch (const Refusal& refusal) {
    return Mistake(file, refusal.mark(), refusal.what());
  } catch (const YAML::Exception& error) {
    return Mistake(file, error.mark, StrCat("not YAML: ", error.msg));
  } catch (const std::exception& error) {
    return InvalidArgumentError(StrCat(file, ": cannot be read as YAML: ", error.what()));
  }
}

}  // namespace weir
