#include "server/source/call_log.h"

#include <spdlog/spdlog.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/cut_message.h"
#include "base/log_format.h"
#include "base/mutex.h"
#include "server/watch/log_text.h"

namespace mirror {
namespace {

constexpr int kLinesPerSecond = 20;
constexpr std::size_t kLineBytesMax = 1'000;

/// Returns whether one more line fits into this second; `missed`: lines left out since the last one.
bool HasRoom(std::uint64_t* missed) {
  static Mutex mutex;
  static std::chrono::steady_clock::time_point second MIRROR_GUARDED_BY(mutex);
  static int lines MIRROR_GUARDED_BY(mutex) = 0;
  static std::uint64_t left_out MIRROR_GUARDED_BY(mutex) = 0;
  const MutexLock lock(mutex);
  const auto now = std::chrono::steady_clock::now();
  if (now - second > std::chrono::seconds(1)) {
    second = now;
    lines = 0;
  }
  if (++lines > kLinesPerSecond) {
    ++left_out;
    return false;
  }
  *missed = left_out;
  left_out = 0;
  return true;
}

}  // namespace

absl::Status CallLog::Finish(absl::Status status) const {
  const auto took = std::chrono::steady_clock::now() - begin_;
  CallCounters& counted = counters_.Of(call_);
  counted.took.Note(took);
  const auto code = static_cast<std::size_t>(status.code());
  if (code < kRpcCodes) counted.ended[code].Add();
  const std::int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  if (status.ok()) {
    if (spdlog::should_log(spdlog::level::debug)) {
      WriteLog(*spdlog::default_logger(), spdlog::level::debug, {"call", tenant_},
               absl::StrCat(call_, " ", OneLine(tenant_), ": "), absl::StrCat("OK, ", us, " us"));
    }
    return status;
  }
  std::uint64_t missed = 0;
  if (!spdlog::should_log(spdlog::level::info) || !HasRoom(&missed)) return status;
  if (missed != 0) spdlog::info("{} refused calls are not in this log", missed);
  const std::string words = absl::StrCat(absl::StatusCodeToString(status.code()), ": ",
                                         CutMessage(OneLine(std::string(status.message())), kLineBytesMax));
  WriteLog(*spdlog::default_logger(), spdlog::level::info, {"call", tenant_},
           absl::StrCat(call_, " ", OneLine(tenant_), ": "), words);
  return status;
}

}  // namespace mirror
