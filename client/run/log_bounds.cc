#include "client/run/log_bounds.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"

namespace mirror {
namespace {

/// The file of a stage gives room back when a quarter of it is free.
constexpr std::int64_t kStageTenths = 8;

std::string Size(std::int64_t bytes) { return SizeText(static_cast<std::uint64_t>(bytes)); }

std::string OverWal(std::int64_t lag, std::int64_t most) {
  return absl::StrCat(
      "the source's log is ", Size(lag), " ahead of what this agent has read, over max_wal (", Size(most),
      "), and stands on the source's disk until it is read. Nothing is lost. Look whether runs "
      "end well ('mirror-agent status'), and at the slot ('mirrorctl doctor --source')");
}

std::string KeptByOthers(std::int64_t retained, std::int64_t most) {
  return absl::StrCat(
      "the source keeps ", Size(retained), " of its log for this agent, over max_wal (", Size(most),
      "), though what was committed is read: a transaction that is open for long holds it. Nothing is lost. "
      "End that transaction; 'mirrorctl doctor --source' names it");
}

std::string SoonLost(std::int64_t safe) {
  return absl::StrCat(
      "after ", Size(safe),
      " more of its log the source drops what it keeps for this agent "
      "(max_slot_wal_keep_size), and all tables are compared. Nothing is lost so far. Let runs "
      "end well, or raise that bound");
}

std::string StageIsFull(std::int64_t bytes, std::int64_t most) {
  return absl::StrCat(
      "the stage has ", Size(bytes), " of max_stage (", Size(most),
      "). Beyond it rows go that the mirror has, oldest first, then the largest table is given "
      "up, and compared. Nothing is lost. Raise max_stage, or let the endpoint take rows");
}

}  // namespace

std::vector<std::string> NearBounds(const LogFigures& figures, const SourceConfig& source) {
  std::vector<std::string> near;
  const std::int64_t wal = source.server.max_wal_bytes, stage = source.server.max_stage_bytes;
  if (figures.lag && *figures.lag > wal) {
    near.push_back(OverWal(*figures.lag, wal));
  } else if (figures.retained && *figures.retained > wal) {
    near.push_back(KeptByOthers(*figures.retained, wal));
  }
  // A quarter of what it may keep is left.
  if (figures.safe && figures.retained && *figures.safe < *figures.retained / 3)
    near.push_back(SoonLost(*figures.safe));
  if (figures.stage_bytes && *figures.stage_bytes > stage / 10 * kStageTenths)
    near.push_back(StageIsFull(*figures.stage_bytes, stage));
  return near;
}

}  // namespace mirror
