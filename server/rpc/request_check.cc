#include "server/rpc/request_check.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/wire/limits.h"

namespace mirror {

std::uint32_t PartBytesMax(const WireLimits& limits) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(kPartBytesMax, limits.message_bytes_max / 2));
}

absl::Status CheckPosition(const std::string& what, bool given, const v1::Position& position) {
  if (!given || position.lsn() < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " must be given, with an LSN of 0 or more. Nothing was done. Send it as the protocol says."));
  }
  if (position.lineage().size() > kLineageBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("the lineage of ", what, " is over ", kLineageBytesMax,
                                                   " bytes. Nothing was done. Send a shorter one."));
  }
  return absl::OkStatus();
}

absl::Status CheckSourceTime(std::int64_t time_ms) {
  if (time_ms >= 0 && time_ms <= kSourceTimeMsMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "'source_time_ms' is no time in unix milliseconds. Nothing was done. Send the source's own time, or "
      "0.");
}

}  // namespace mirror
