// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/top.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <optional>

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/cli/admin_client.h"
#include "proxy/cli/check.h"
#include "proxy/server/quantity.h"

namespace weir {
namespace {

// In the order of the columns.
constexpr std::string_view kSorts[] = {"resource", "age", "events", "bytes", "behind", "client"};

// What a key asks for.
enum class Wish { kNothing, kQuit, kSortLeft, kSortRight };

Wish WishOf(char key) {
  constexpr char kCtrlC = 3;
  if (key == 'q' || key == 'Q' || key == kCtrlC) return Wish::kQuit;
  if (key == '<') return Wish::kSortLeft;
  return key == '>' ? Wish::kSortRight : Wish::kNothing;
}

// The terminal's other screen, without a cursor, where each key is handed over and none is shown.
// Left as it was found: Ctrl-C is a key, too, so that nothing ends the program before that.
class Terminal {
 public:
  Terminal() {
    std::fputs("\x1b[?1049h\x1b[?25l", stdout);
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    changed_ = true;
    termios keys = before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    tcsetattr(STDIN_FILENO, TCSANOW, &keys);
  }
  ~Terminal() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    std::fputs("\x1b[?1049l\x1b[?25h", stdout);
    std::fflush(stdout);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // As many lines and columns as there is room for, and the last line.
  static void Show(std::string_view text, std::string_view last_line) {
    winsize size = {};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 2) {
      size.ws_row = 24;
      size.ws_col = 80;
    }
    std::string screen = "\x1b[H\x1b[2J";
    const std::vector<std::string_view> lines = Split(text, '\n');
    const size_t count = std::min<size_t>(lines.size(), size.ws_row - 1);
    for (size_t i = 0; i < count; ++i) {
      StrAppend(screen, lines[i].substr(0, size.ws_col), "\n");
    }
    screen += last_line.substr(0, size.ws_col);
    std::fputs(screen.c_str(), stdout);
    std::fflush(stdout);
  }
  // The first wish within `wait`; kQuit, too, if there is nobody to press a key.
  static Wish Wait(absl::Duration wait) {
    const absl::Time until = absl::Now() + wait;
    for (;;) {
      const absl::Duration left = std::max(until - absl::Now(), absl::ZeroDuration());
      pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      if (poll(&input, 1, static_cast<int>(absl::ToInt64Milliseconds(left))) == 0) {
        return Wish::kNothing;
      }
      char key = 0;
      if (input.revents == 0) continue;  // A signal.
      if (read(STDIN_FILENO, &key, 1) != 1) return Wish::kQuit;
      if (const Wish wish = WishOf(key); wish != Wish::kNothing) return wish;
    }
  }

 private:
  termios before_ = {};
  bool changed_ = false;
};

absl::StatusOr<TopPages> Read(const TopOptions& options) {
  TopPages pages;
  WEIR_ASSIGN_OR_RETURN(pages.streams, GetAdminPage(options.admin, "/streams"));
  WEIR_ASSIGN_OR_RETURN(pages.lag, GetAdminPage(options.admin, "/lag"));
  WEIR_ASSIGN_OR_RETURN(pages.stuck, GetAdminPage(options.admin, "/objects/stuck"));
  return pages;
}

int Fail(int code, const absl::Status& status) {
  std::fprintf(stderr, "weir top: %s\n", std::string(MessageOf(status)).c_str());
  return code;
}

// A Weir that restarts is waited for: its pod does, and whoever looks wants to see it come back.
absl::Status Watch(const TopOptions& options) {
  // What is wrong at first is said on the screen that stays.
  WEIR_ASSIGN_OR_RETURN(TopPages pages, Read(options));
  std::string_view sort = options.sort;
  WEIR_ASSIGN_OR_RETURN(std::string text, RenderTop(pages, sort));
  std::string trouble;
  const Terminal terminal;
  for (;;) {
    Terminal::Show(StrCat(trouble, text),
                   StrCat("q quits, < and > choose the column: sorted by ", sort));
    const Wish wish = Terminal::Wait(options.interval);
    if (wish == Wish::kQuit) return absl::OkStatus();
    absl::Status now;
    if (wish == Wish::kNothing) {
      absl::StatusOr<TopPages> read = Read(options);
      now = read.status();
      if (read.ok()) pages = *std::move(read);
      trouble.clear();
    } else {
      sort = SortBeside(sort, wish == Wish::kSortLeft ? -1 : 1);
    }
    absl::StatusOr<std::string> rendered = RenderTop(pages, sort);
    if (rendered.ok()) text = *std::move(rendered);
    now.Update(rendered.status());
    if (now.ok()) continue;
    trouble = StrCat("NO ANSWER, asking again: ", MessageOf(now), "\nThe last that was seen:\n");
  }
}

}  // namespace

std::string_view SortBeside(std::string_view sort, int step) {
  const auto* const last = std::prev(std::end(kSorts));
  const auto* const here = std::find(std::begin(kSorts), last, sort);
  if (step < 0) return here == std::begin(kSorts) ? *here : *std::prev(here);
  return here == last ? *here : *std::next(here);
}

absl::StatusOr<TopOptions> ParseTopFlags(const TopFlags& flags) {
  TopOptions options;
  const absl::StatusOr<Address> admin = Address::Parse(flags.admin);
  if (!admin.ok()) return InvalidArgumentError(StrCat("--admin: ", MessageOf(admin.status())));
  options.admin = *admin;
  options.sort = flags.sort;
  if (std::find(std::begin(kSorts), std::end(kSorts), flags.sort) == std::end(kSorts)) {
    std::vector<std::string> names(std::begin(kSorts), std::end(kSorts));
    return InvalidArgumentError(
        StrCat("--sort: ", Quoted(flags.sort), " is none of ", Join(names, ", ")));
  }
  const std::optional<absl::Duration> interval = ParseDurationText(flags.interval);
  if (!interval || *interval < absl::Milliseconds(100) || *interval > absl::Hours(1)) {
    return InvalidArgumentError(
        StrCat("--interval: ", Quoted(flags.interval), " is not a duration from 100ms to 1h"));
  }
  options.interval = *interval;
  if (flags.output != "text" && flags.output != "json") {
    return InvalidArgumentError(
        StrCat("-o: ", Quoted(flags.output), " is neither \"text\" nor \"json\""));
  }
  options.json = flags.output == "json";
  options.once = flags.once;
  return options;
}

int Top(const TopFlags& flags) {
  const absl::StatusOr<TopOptions> options = ParseTopFlags(flags);
  if (!options.ok()) return Fail(kExitUsage, options.status());
  const bool terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  if (terminal && !options->json && !options->once) {
    const absl::Status watched = Watch(*options);
    return watched.ok() ? kExitOk : Fail(kExitFailure, watched);
  }
  const absl::StatusOr<TopPages> pages = Read(*options);
  if (!pages.ok()) return Fail(kExitFailure, pages.status());
  const absl::StatusOr<std::string> text =
      options->json ? RenderTopJson(*pages) : RenderTop(*pages, options->sort);
  if (!text.ok()) return Fail(kExitFailure, text.status());
  std::fputs(text->c_str(), stdout);
  return kExitOk;
}

}  // namespace weir
