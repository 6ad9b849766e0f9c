#include "client/command/progress.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/printable.h"

namespace mirror {
namespace {

constexpr std::size_t kBarWidth = 24, kNameWidth = 36;

/// Formats 95 as "1 min 35 s".
std::string Duration(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::ceil(seconds));
  if (whole < 60) return absl::StrCat(whole, " s");
  if (whole < 3'600) return absl::StrCat(whole / 60, " min ", whole % 60, " s");
  return absl::StrCat(whole / 3'600, " h ", whole / 60 % 60, " min");
}

}  // namespace

void Progress::Show(const Work& work) {
  if (work.table != table_ || work.doing != doing_) {
    table_ = work.table;
    doing_ = work.doing;
    begun_ = now_();
    drawn_.Restart();
    return;
  }
  if (drawn_.Due()) drawn_.Show(Line(work, std::chrono::duration<double>(now_() - begun_).count()));
}

std::string Progress::Line(const Work& work, double seconds) const {
  const std::uint64_t rows = work.rows;
  const double rate = static_cast<double>(rows) / std::max(seconds, 1e-3);
  const bool sending = doing_ == Work{}.doing;
  const std::string name =
      absl::StrCat(sending ? "" : doing_ + " ", CutTo(Printable(work.table), kNameWidth));
  const std::string speed = absl::StrCat(Grouped(static_cast<std::uint64_t>(rate)), " rows/s");
  // The source may have grown since the count.
  if (work.expected == 0 || rows >= work.expected)
    return absl::StrCat(name, "  ", Counted(rows, "row"), "  ", speed);
  const double part = static_cast<double>(rows) / static_cast<double>(work.expected);
  const auto full = static_cast<std::size_t>(part * kBarWidth);
  const std::string bar =
      drawn_.terminal() ? absl::StrCat("[", std::string(full, '#'), std::string(kBarWidth - full, '.'), "]  ")
                        : "";
  // The most important parts come first: the end may be cut.
  return absl::StrCat(name, "  ", bar, static_cast<int>(part * 100), " %  ",
                      Duration(static_cast<double>(work.expected - rows) / std::max(rate, 1.0)), " left  ",
                      Grouped(rows), " of ", Counted(work.expected, "row"), "  ", speed);
}

}  // namespace mirror
