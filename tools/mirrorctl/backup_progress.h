#ifndef MIRROR_TOOLS_MIRRORCTL_BACKUP_PROGRESS_H_
#define MIRROR_TOOLS_MIRRORCTL_BACKUP_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "proto/wire/human_text.h"
#include "proto/wire/printable.h"

namespace mirror {

/// Shows how far a backup is: on a terminal one line that is drawn over, as often as the server tells, else a
/// line every ten seconds. Threads: one.
class BackupProgress {
 public:
  using Clock = std::chrono::steady_clock;

  BackupProgress(std::ostream& out, bool terminal, Clock::time_point (*now)() = &Clock::now)
      : out_(out), terminal_(terminal), now_(now), shown_(now()) {}

  void Show(const v1::BackupProgress& step) {
    const Clock::time_point now = now_();
    if (!terminal_ && now - shown_ < kLineInterval) return;
    shown_ = now;
    out_ << (terminal_ ? "\r\x1b[K" : "") << Line(step) << (terminal_ ? "" : "\n") << std::flush;
    drawn_ = terminal_;
  }
  /// Takes the line away.
  void Clear() {
    if (drawn_) out_ << "\r\x1b[K" << std::flush;
    drawn_ = false;
  }

 private:
  static constexpr std::chrono::seconds kLineInterval{10};

  static std::string Line(const v1::BackupProgress& step) {
    constexpr std::uint64_t kMegabyte = 1 << 20;
    const bool copying = step.doing() == "copying";
    const std::uint64_t unit = copying ? kMegabyte : 1;
    std::string line = absl::StrCat(Printable(step.doing()), "  ", Grouped(step.done() / unit), " of ",
                                    Grouped((step.all() + unit - 1) / unit), copying ? " MiB" : " tables");
    if (step.all() > 0 && step.done() <= step.all()) {
      const double part = static_cast<double>(step.done()) / static_cast<double>(step.all());
      absl::StrAppend(&line, "  ", static_cast<int>(part * 100), " %");
    }
    return line;
  }

  std::ostream& out_;
  const bool terminal_;
  Clock::time_point (*const now_)();
  Clock::time_point shown_;
  bool drawn_ = false;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_BACKUP_PROGRESS_H_
