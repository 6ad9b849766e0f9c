#ifndef MIRROR_CLIENT_SOURCE_LOG_FIGURES_H_
#define MIRROR_CLIENT_SOURCE_LOG_FIGURES_H_

#include <cstdint>
#include <optional>

namespace mirror {

/// What a log costs its source and its agent, as of the last run. Bytes unless said otherwise; absent: the
/// kind has no such figure, or it is not known.
struct LogFigures {
  std::optional<std::int64_t> lag;       ///< Of the source's log that is not staged yet.
  std::optional<std::int64_t> retained;  ///< Of it that the source keeps for this agent.
  std::optional<std::int64_t> safe;  ///< That may still be written before the source gives up on the agent.
  std::optional<std::int64_t>
      unconfirmed;  ///< From where the source would decode again to what is confirmed.
  std::optional<std::int64_t> stage_rows, stage_bytes;
  std::optional<std::int64_t> decoded;  ///< Changes since the agent started.
  std::optional<double> snapshot_wait;  ///< Seconds that a new table has waited for open transactions.
  std::optional<double> until_purged;   ///< Seconds until the source removes what is not staged.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_LOG_FIGURES_H_
