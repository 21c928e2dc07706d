// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/flame_graph.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"

#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr double kWidth = 1200;
constexpr double kRow = 18;
constexpr double kTop = 44;
constexpr double kCharacter = 6.7;  // Of the font below.
constexpr double kNarrowest = 0.4;  // What is narrower cannot be seen, nor can what it calls.

struct Frame {
  std::string name;
  uint64_t count = 0;  // With what it calls.
  Frame* caller = nullptr;
  size_t number = 0;
  std::map<std::string, std::unique_ptr<Frame>> calls = {};
};

class FlameGraph {
 public:
  explicit FlameGraph(const Profile& profile) : profile_(profile) {
    all_.name = "all";
    for (const FoldedStack& stack : profile.stacks) Add(stack);
    Number(all_);
  }

  const Frame* Find(size_t number) const {
    return number < frames_.size() ? frames_[number] : nullptr;
  }

  std::string Draw(const Frame& focus) {
    std::vector<const Frame*> callers;
    for (const Frame* f = focus.caller; f != nullptr; f = f->caller) callers.push_back(f);
    size_t row = 0;
    for (auto f = callers.rbegin(); f != callers.rend(); ++f) DrawBar(**f, 0, kWidth, row++);
    DrawTree(focus, 0, kWidth, row);
    const double height = kTop + static_cast<double>(rows_) * kRow + 8;
    std::string svg = absl::StrFormat(
        R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" preserveAspectRatio="xMidYMin" font-family="monospace" font-size="11">)"
        "\n"
        R"(<title>CPU profile %d of Weir</title><rect width="100%%" height="100%%" fill="#fdfdfb"/>)"
        R"(<text x="8" y="18" font-size="14">%s</text>)"
        R"(<text x="8" y="34" fill="#555">%s</text>)"
        "\n",
        kWidth, height, profile_.id, Escaped(Title()), Escaped(Help()));
    StrAppend(svg, bars_, "</svg>\n");
    return svg;
  }

 private:
  void Add(const FoldedStack& stack) {
    Frame* frame = &all_;
    frame->count += stack.count;
    for (const std::string_view name : Split(stack.frames, ';')) {
      std::unique_ptr<Frame>& called = frame->calls[std::string(name)];
      if (called == nullptr) {
        called = std::make_unique<Frame>();
        called->name = name;
        called->caller = frame;
      }
      frame = called.get();
      frame->count += stack.count;
    }
  }

  void Number(Frame& frame) {
    frame.number = frames_.size();
    frames_.push_back(&frame);
    for (auto& [name, called] : frame.calls) Number(*called);
  }

  std::string Title() const {
    return StrCat("CPU profile ", profile_.id, ": ", profile_.reason, ", ",
                  absl::FormatDuration(profile_.length), ", ", profile_.samples, " samples",
                  profile_.dropped > 0 ? StrCat(", ", profile_.dropped, " more had no room") : "");
  }
  std::string Help() const {
    if (all_.count == 0) return "Weir has used too little CPU time meanwhile to be seen.";
    return "Callers above, what they call below; as wide as the CPU time in it. Click to look "
           "closer, at the first bar to see all.";
  }

  static std::string Escaped(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
      switch (c) {
        case '<':
          escaped += "&lt;";
          break;
        case '>':
          escaped += "&gt;";
          break;
        case '&':
          escaped += "&amp;";
          break;
        case '"':
          escaped += "&quot;";
          break;
        default:
          escaped += c;
      }
    }
    return escaped;
  }

  // Warm: Weir; cool: what it is built on. The same name has the same shade in every graph.
  static std::string ColorOf(const Frame& frame) {
    if (frame.caller == nullptr || frame.caller->caller == nullptr) return "#d9d7cf";
    const size_t shade = std::hash<std::string>()(frame.name) % 40;
    const bool own = frame.name.find("weir::") != std::string::npos;
    return own ? absl::StrFormat("hsl(%d,85%%,70%%)", 18 + shade)
               : absl::StrFormat("hsl(%d,45%%,78%%)", 190 + shade);
  }

  void DrawBar(const Frame& frame, double x, double width, size_t row) {
    rows_ = std::max(rows_, row + 1);
    const double y = kTop + static_cast<double>(row) * kRow;
    const double share = 100.0 * static_cast<double>(frame.count) /
                         static_cast<double>(std::max<uint64_t>(all_.count, 1));
    absl::StrAppendFormat(&bars_,
                          R"(<a href="?id=%d&amp;at=%d"><title>%s: %d samples, %.1f %%</title>)"
                          R"(<rect x="%.1f" y="%.0f" width="%.1f" height="%.0f" fill="%s"/>)",
                          profile_.id, frame.number, Escaped(frame.name), frame.count, share, x, y,
                          std::max(width - 0.5, 0.3), kRow - 1, ColorOf(frame));
    const auto room = static_cast<size_t>(std::max(0.0, (width - 6) / kCharacter));
    if (room >= 3) {
      const std::string name =
          frame.name.size() <= room ? frame.name : StrCat(frame.name.substr(0, room - 2), "..");
      absl::StrAppendFormat(&bars_, R"(<text x="%.1f" y="%.0f">%s</text>)", x + 3, y + 13,
                            Escaped(name));
    }
    bars_ += "</a>\n";
  }

  void DrawTree(const Frame& frame, double x, double width, size_t row) {
    DrawBar(frame, x, width, row);
    for (const auto& [name, called] : frame.calls) {
      const double part =
          width * static_cast<double>(called->count) / static_cast<double>(frame.count);
      if (part >= kNarrowest) DrawTree(*called, x, part, row + 1);
      x += part;
    }
  }

  const Profile& profile_;
  Frame all_;
  std::vector<const Frame*> frames_;  // By number.
  std::string bars_;
  size_t rows_ = 0;
};

}  // namespace

std::optional<std::string> RenderFlameGraph(const Profile& profile, size_t at) {
  FlameGraph graph(profile);
  const Frame* const focus = graph.Find(at);
  if (focus == nullptr) return std::nullopt;
  return graph.Draw(*focus);
}

}  // namespace weir
