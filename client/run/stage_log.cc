#include "client/run/log_kinds.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/run/source_rules.h"
#include "client/state/run_state.h"

namespace mirror {

std::string StagePathOf(const SourceConfig& source, const std::string& state_dir) {
  return absl::StrCat(state_dir, "/", source.context_id, ".stage.db");
}

StageOptions StageOptionsOf(const SourceConfig& source, const LogUser& user) {
  StageOptions options;
  options.path = StagePathOf(source, user.state_dir);
  options.max_bytes = source.server.max_stage_bytes;
  options.retention_ms = source.retention_ms;
  return options;
}

bool RemoveStage(const SourceConfig& source, const LogUser& user) {
  if (user.state_dir.empty()) return false;
  bool there = false;
  std::error_code error;
  for (const char* const end : {"", "-wal", "-shm"})
    there |= std::filesystem::remove(absl::StrCat(StagePathOf(source, user.state_dir), end), error);
  return there;
}

absl::StatusOr<WaitingChanges> CountWaitingInStage(const SourceConfig& source, const LogUser& user) {
  const std::string path = StagePathOf(source, user.state_dir);
  std::error_code error;
  if (user.state_dir.empty() || !std::filesystem::exists(path, error)) return WaitingChanges();
  ASSIGN_OR_RETURN(const RunState runs, RunState::Load(user.state_dir, source.context_id));
  ASSIGN_OR_RETURN(const std::unique_ptr<Stage> stage, Stage::Open({path}));
  ASSIGN_OR_RETURN(const std::vector<StagedTable> tables, stage->Tables());
  std::map<std::string, std::optional<std::int64_t>> waiting;
  for (const StagedTable& table : tables) {
    std::string sent = table.name;
    for (const TableConfig& own : source.tables) {
      if (SameName(own.name, table.name)) sent = SentName(own);
    }
    std::optional<std::int64_t>& count = waiting[FoldName(table.name)];
    const Confirmed* const confirmed = runs.tables().FindConfirmed(sent);
    if (confirmed == nullptr || confirmed->position.lsn.value < table.floor) continue;
    ASSIGN_OR_RETURN(count, stage->CountRowsBehind(table.id, confirmed->position.lsn.value));
  }
  return WaitingChanges(std::move(waiting));
}

}  // namespace mirror
