#ifndef MIRROR_BASE_TEXT_DRAWN_LINE_H_
#define MIRROR_BASE_TEXT_DRAWN_LINE_H_

#include <chrono>
#include <ostream>
#include <string_view>

#include "base/text/text_stream.h"
#include "base/text/wrapped_text.h"

namespace mirror {

/// Progress of a long action: on a terminal one line that is redrawn, otherwise a line every ten
/// seconds. Threads: one.
class DrawnLine {
 public:
  using Clock = std::chrono::steady_clock;

  /// `often`: least time between two updates on a terminal.
  DrawnLine(std::ostream& out, bool terminal, std::chrono::milliseconds often, Clock::time_point (*now)())
      : out_(out),
        terminal_(terminal),
        interval_(terminal ? often : kLineInterval),
        now_(now),
        shown_(now()) {}

  bool terminal() const { return terminal_; }
  /// Restarts the time to the next update. Call it when other output was shown.
  void Restart() { shown_ = now_(); }
  bool Due() const { return now_() - shown_ >= interval_; }
  void Show(std::string_view line) {
    Restart();
    AsItIs(out_) << (terminal_ ? "\r\x1b[K" : "") << CutTo(line, TerminalOf(out_).width)
                 << (terminal_ ? "" : "\n") << std::flush;
    drawn_ = terminal_;
  }
  /// Clears the line.
  void Clear() {
    if (drawn_) AsItIs(out_) << "\r\x1b[K" << std::flush;
    drawn_ = false;
  }

 private:
  static constexpr std::chrono::milliseconds kLineInterval{10'000};

  std::ostream& out_;
  const bool terminal_;
  const std::chrono::milliseconds interval_;
  Clock::time_point (*const now_)();
  Clock::time_point shown_;
  bool drawn_ = false;
};

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_DRAWN_LINE_H_
