#ifndef MIRROR_TOOLS_MIRRORCTL_BACKUP_PROGRESS_H_
#define MIRROR_TOOLS_MIRRORCTL_BACKUP_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/text/drawn_line.h"
#include "mirror/v1/mirror_admin.pb.h"

namespace mirror {

/// Shows the progress of a backup. On a terminal each report of the server is drawn. Threads: one.
class BackupProgress {
 public:
  using Clock = DrawnLine::Clock;

  BackupProgress(std::ostream& out, bool terminal, Clock::time_point (*now)() = &Clock::now)
      : drawn_(out, terminal, std::chrono::milliseconds(0), now) {}

  void Show(const v1::BackupProgress& step) {
    if (drawn_.Due()) drawn_.Show(Line(step));
  }
  void Clear() { drawn_.Clear(); }

 private:
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

  DrawnLine drawn_;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_BACKUP_PROGRESS_H_
