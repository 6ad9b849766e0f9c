#include "client/source/server/staged_log.h"

#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

struct PastWord {
  StagedLog::Past past;
  const char* word;
};
constexpr std::array<PastWord, 3> kPastWords = {{{StagedLog::Past::kPromoted, "promoted"},
                                                 {StagedLog::Past::kRestored, "restored"},
                                                 {StagedLog::Past::kAhead, "ahead"}}};

}  // namespace

absl::StatusOr<StagedLog> ReadStagedLog(Stage& stage) {
  ASSIGN_OR_RETURN(StageSource source, stage.Source());
  StagedLog log;
  log.database = std::move(source.identity);
  log.timeline = source.timeline;
  // A change of the identity would delete the recorded transactions.
  const std::size_t end = source.source_id.find(' ');
  log.source_id = source.source_id.substr(0, end);
  const std::string past = end == std::string::npos ? "" : source.source_id.substr(end + 1);
  for (const PastWord& known : kPastWords) {
    if (past == known.word) log.past = known.past;
  }
  return log;
}

absl::Status KeepStagedLog(Stage& stage, const StagedLog& log) {
  std::string source_id = log.source_id;
  for (const PastWord& known : kPastWords) {
    if (log.past == known.past) absl::StrAppend(&source_id, " ", known.word);
  }
  return stage.SetSource({log.database, source_id, log.timeline});
}

absl::Status RaiseAllFloors(Stage& stage, std::int64_t lsn, const std::string& because) {
  ASSIGN_OR_RETURN(const std::vector<StagedTable> tables, stage.Tables());
  for (const StagedTable& table : tables) {
    absl::Status raised = stage.RaiseFloor(table.id, lsn, because);
    // It may have been dropped meanwhile.
    if (!raised.ok() && !absl::IsNotFound(raised)) return raised;
  }
  stage.commits().Restarted();
  return absl::OkStatus();
}

std::vector<std::string> TellGivenUp(Stage& stage) {
  std::vector<std::string> news;
  for (const StagedTable& table : stage.TakeGivenUp()) {
    news.push_back(
        absl::StrCat("table '", table.name, "': ", table.gone_because, ". It is compared with the mirror"));
  }
  return news;
}

absl::Status StagedHistory::GiveUp(const std::string& table) {
  ASSIGN_OR_RETURN(const std::vector<StagedTable> tables, stage().Tables());
  ASSIGN_OR_RETURN(const std::int64_t place, stage().Place());
  for (const StagedTable& staged : tables) {
    if (staged.name != table) continue;
    return stage().RaiseFloor(staged.id, place + 1, "its [[source.table]] changed what is sent");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> StagedHistory::Sent(const std::string& /*table*/, const Position& position) {
  ASSIGN_OR_RETURN(const std::optional<StageMark> mark, stage().FindMark(position.lineage));
  return mark && mark->lsn == position.lsn.value;
}

std::string StagedHistory::WhyGone(const std::string& table) {
  const absl::StatusOr<std::vector<StagedTable>> tables = stage().Tables();
  if (!tables.ok()) return "";
  for (const StagedTable& staged : *tables) {
    if (staged.name == table) return staged.gone_because;
  }
  return "";
}

}  // namespace mirror
