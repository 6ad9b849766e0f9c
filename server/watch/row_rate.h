#ifndef MIRROR_SERVER_WATCH_ROW_RATE_H_
#define MIRROR_SERVER_WATCH_ROW_RATE_H_

#include <cstdint>

namespace mirror {

/// Rows a second, over a window that moves: what came in the span that runs and in the one before it. Times
/// are unix milliseconds; a clock that was set back begins anew. A value; threads: one.
class RowRate {
 public:
  static constexpr std::int64_t kSpanMs = 5'000;

  void Note(std::uint64_t rows, std::int64_t now_ms) {
    Turn(now_ms);
    rows_ += rows;
  }
  std::uint64_t PerSecond(std::int64_t now_ms) const {
    RowRate then = *this;
    then.Turn(now_ms);
    const std::int64_t window_ms = (then.has_before_ ? kSpanMs : 0) + now_ms - then.began_ms_;
    // Within the first second nothing is known of a second.
    return (then.before_ + then.rows_) * 1'000 /
           static_cast<std::uint64_t>(window_ms < 1'000 ? 1'000 : window_ms);
  }

 private:
  void Turn(std::int64_t now_ms) {
    const std::int64_t since_ms = now_ms - began_ms_;
    if (since_ms >= 0 && since_ms < kSpanMs) return;
    has_before_ = since_ms >= 0 && since_ms < 2 * kSpanMs;
    before_ = has_before_ ? rows_ : 0;
    began_ms_ = has_before_ ? began_ms_ + kSpanMs : now_ms;
    rows_ = 0;
  }

  std::int64_t began_ms_ = 0;
  std::uint64_t rows_ = 0, before_ = 0;
  bool has_before_ = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_ROW_RATE_H_
