#include "base/text/watch.h"

#include <unistd.h>

#include <cstddef>
#include <ctime>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/text/text_stream.h"
#include "base/text/wrapped_text.h"

namespace mirror {
namespace {

constexpr int kNothingToLookAt = 2;
constexpr std::size_t kLinesLeast = 2;  // Least number of lines below the head.

/// The output of one refresh, kept until it is complete.
struct Kept {
  int code = 0;
  std::string out, err;
};

Kept KeptLook(const Look& look, const Terminal& of_out, const Terminal& of_err) {
  Kept kept;
  std::ostringstream out, err;
  {
    TextStream shown(out, of_out), said(err, of_err);
    kept.code = look(shown, said);
  }
  kept.out = out.str();
  kept.err = err.str();
  return kept;
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Draws over the old content from the top, and clears nothing before it is replaced, so that the screen does
/// not flicker.
void Draw(const Watched& watched, const Terminal& terminal, const Kept& kept, std::ostream& out) {
  const std::string head =
      absl::StrCat(watched.what, ", every ", watched.every.count(), " s, ", watched.time());
  std::vector<std::string> lines = LinesOf(kept.out + kept.err);
  const std::size_t room = terminal.height > kLinesLeast + 2 ? terminal.height - 2 : kLinesLeast;
  if (lines.size() > room) {
    const std::size_t left_out = lines.size() - room + 1;
    lines.resize(room - 1);
    lines.push_back(absl::StrCat("and ", Counted(left_out, "line"), " more than fit here"));
  }
  // Makes the terminal cut lines that are longer than its width, so that each line needs only one line of the
  // screen.
  std::string screen = "\x1b[H\x1b[?7l" + CutTo(head, terminal.width) + "\x1b[K\n";
  for (const std::string& line : lines) absl::StrAppend(&screen, "\x1b[K\n", line);
  AsItIs(out) << screen << "\x1b[K\x1b[J\x1b[?7h" << std::flush;
}

}  // namespace

int Watch(const Watched& watched, const Look& look, std::ostream& out, std::ostream& err) {
  int code = 0;
  bool drawn = false;
  for (bool first = true;; first = false) {
    const Terminal terminal = watched.terminal();
    const bool drawing = !watched.json && terminal.height > 0;
    const Kept kept =
        drawing ? KeptLook(look, terminal, terminal) : KeptLook(look, TerminalOf(out), TerminalOf(err));
    const bool cut_off = watched.ended(std::chrono::milliseconds(0));
    if (first || !cut_off) code = kept.code;
    if (cut_off) break;
    const bool nothing = first && code == kNothingToLookAt;
    if (drawing && !nothing) {
      Draw(watched, terminal, kept, out);
      drawn = true;
    } else {
      AsItIs(out) << (first || watched.json ? "" : "\n") << kept.out;
      AsItIs(err) << kept.err << std::flush;
    }
    if (nothing) break;
    if (!out.flush() || watched.ended(watched.every)) break;
  }
  if (drawn) AsItIs(out) << '\n' << std::flush;
  return code;
}

cli::Option AddWatchOption(const cli::Command& command, int& every_s, const std::string& behind) {
  return command.Add("--watch", every_s, "Repeat every SECONDS seconds, until Ctrl-C")
      .ValueName("[SECONDS]")
      .Values(0, 1)
      .Within(
          1, 3'600,
          absl::StrCat("SECONDS follow --watch", behind.empty() ? "" : ": ", behind, ". Nothing was done."))
      .ShowDefault();
}

int WatchHere(const std::string& what, int every_s, bool json, const Interruption& interruption,
              const Look& look, std::ostream& out, std::ostream& err) {
  return Watch({.what = what,
                .every = std::chrono::seconds(every_s),
                .json = json,
                .terminal = [] { return TerminalAt(STDOUT_FILENO); },
                .time = [] { return FormatUnixTime(std::time(nullptr)); },
                .ended = [&](std::chrono::milliseconds patience) { return interruption.Wait(patience); }},
               look, out, err);
}

}  // namespace mirror
