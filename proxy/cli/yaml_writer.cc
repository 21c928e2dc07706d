// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/yaml_writer.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <iterator>

#include "proxy/base/strings.h"

namespace weir {
namespace {

bool IsWordByte(char byte) {
  return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '_' || byte == '-' ||
         byte == '.' || byte == '/';
}

// Words that some reader of YAML takes for something else than a string, whatever their case.
bool IsSpecial(std::string_view word) {
  constexpr std::string_view kSpecial[] = {"y",  "n",   "yes",  "no",   "true",
                                           "on", "off", "null", "false"};
  return std::find(std::begin(kSpecial), std::end(kSpecial), Lower(word)) != std::end(kSpecial);
}

// Needs no quotes to be a string: no number begins with a letter, but for those of IsSpecial.
bool IsPlainWord(std::string_view text) {
  return !text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) != 0 &&
         std::all_of(text.begin(), text.end(), IsWordByte) && !IsSpecial(text);
}

// The code point of the character of UTF-8 that text begins with, if it has up to three bytes.
uint32_t CodePoint(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return byte(0);
  if (byte(0) < 0xe0) return (byte(0) & 0x1fu) << 6 | (byte(1) & 0x3fu);
  return (byte(0) & 0xfu) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu);
}
size_t CharacterLength(unsigned char first) {
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

// Control characters, what some readers of YAML take for the end of a line, the byte order mark,
// and what YAML (1.2, 5.1) does not take for a character.
bool IsUnprintable(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
         code == 0xfeff || code == 0xfffe || code == 0xffff;
}

// Calls visit(character, whether it is unprintable) for each; the text is what yaml-cpp read, which
// is UTF-8, or none of this reads beyond its end.
template <typename Visit>
void ForEachCharacter(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const size_t length = CharacterLength(static_cast<unsigned char>(text[0]));
    const bool whole = length <= text.size();
    const std::string_view character = text.substr(0, whole ? length : 1);
    visit(character, whole && length < 4 && IsUnprintable(CodePoint(character)));
    text.remove_prefix(character.size());
  }
}

// As in JSON, where more may stand as it is.
std::string InQuotes(std::string_view text) {
  std::string quoted;
  ForEachCharacter(JsonString(text), [&quoted](std::string_view character, bool unprintable) {
    if (!unprintable) {
      quoted += character;
      return;
    }
    char escape[8];
    std::snprintf(escape, sizeof(escape), "\\u%04x", CodePoint(character));
    quoted += escape;
  });
  return quoted;
}

// Such as a script: lines of printable text, the first of which shows the indentation.
bool IsBlock(std::string_view text) {
  const size_t first_end = text.find('\n');
  if (first_end == std::string_view::npos || first_end == 0 || text.front() == ' ') return false;
  if (text.ends_with("\n\n")) return false;
  return std::all_of(text.begin(), text.end(), [](char byte) {
    const auto code = static_cast<unsigned char>(byte);
    return byte == '\n' || (code >= 0x20 && code < 0x7f);
  });
}

std::string Block(std::string_view text, int indent) {
  std::string block = text.ends_with('\n') ? "|" : "|-";
  if (text.ends_with('\n')) text.remove_suffix(1);
  for (const std::string_view line : Split(text, '\n')) {
    block += '\n';
    if (!line.empty()) StrAppend(block, std::string(static_cast<size_t>(indent), ' '), line);
  }
  return block;
}

bool IsVisible(std::string_view text) {
  bool visible = true;
  ForEachCharacter(
      text, [&visible](std::string_view, bool unprintable) { visible = visible && !unprintable; });
  return visible;
}

// Whether plain text is read as the same in a map and in a sequence. Within brackets more may stand
// plain, such as "-" alone.
bool StaysPlain(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), IsWordByte) && text != "-") return true;
  const auto read = ParseYaml("", StrCat("- k: ", text, "\n- ", text, "\n"));
  if (!read.ok() || read->items.size() != 2 || read->items[0].members.size() != 1) return false;
  const auto is_same = [text](const YamlNode& node) {
    return node.kind == YamlNode::Kind::kScalar && !node.quoted && node.scalar == text;
  };
  return is_same(read->items[0].members[0].value) && is_same(read->items[1]);
}

std::string Scalar(const YamlNode& node, int indent) {
  // Plain text of several lines, or with what nobody can see, is nothing but a string.
  if (!node.quoted && IsVisible(node.scalar) && StaysPlain(node.scalar)) return node.scalar;
  if (IsBlock(node.scalar)) return Block(node.scalar, indent);
  return IsPlainWord(node.scalar) ? node.scalar : InQuotes(node.scalar);
}

class Writer {
 public:
  std::string Take() { return std::move(text_); }

  // What stands behind "key:" or "-", with the end of its line.
  void Value(const YamlNode& node, int indent, bool in_sequence) {
    switch (node.kind) {
      case YamlNode::Kind::kNull:
        StrAppend(text_, " null\n");
        return;
      case YamlNode::Kind::kScalar:
        StrAppend(text_, " ", Scalar(node, indent + 2), "\n");
        return;
      case YamlNode::Kind::kSequence:
        if (node.items.empty()) return Append(" []\n");
        Append("\n");
        // Under a key its items may stand where the key does, as kubectl writes them.
        return Items(node, in_sequence ? indent + 2 : indent);
      case YamlNode::Kind::kMap:
        if (node.members.empty()) return Append(" {}\n");
        if (!in_sequence) Append("\n");
        return Members(node, indent + 2, in_sequence);
    }
  }
  void Members(const YamlNode& map, int indent, bool first_is_placed) {
    for (const YamlNode::Member& member : map.members) {
      first_is_placed ? Append(" ") : Indent(indent);
      first_is_placed = false;
      Key(member.key, indent);
      Value(member.value, indent, false);
    }
  }
  void Items(const YamlNode& sequence, int indent) {
    for (const YamlNode& item : sequence.items) {
      Indent(indent);
      Append("-");
      Value(item, indent, true);
    }
  }

 private:
  // A long one has to be marked as such: readers look ahead for no more than 1024 characters.
  void Key(const std::string& key, int indent) {
    constexpr size_t kLong = 120;
    const std::string written = IsPlainWord(key) ? key : InQuotes(key);
    if (written.size() <= kLong) return StrAppend(text_, written, ":");
    StrAppend(text_, "? ", written, "\n");
    Indent(indent);
    Append(":");
  }
  void Append(std::string_view text) { text_ += text; }
  void Indent(int indent) { text_.append(static_cast<size_t>(indent), ' '); }

  std::string text_;
};

}  // namespace

std::string WriteYaml(const YamlNode& document) {
  Writer writer;
  if (document.kind == YamlNode::Kind::kMap && !document.members.empty()) {
    writer.Members(document, 0, false);
  } else if (document.kind == YamlNode::Kind::kSequence && !document.items.empty()) {
    writer.Items(document, 0);
  } else {
    writer.Value(document, 0, false);
  }
  return writer.Take();
}

}  // namespace weir
