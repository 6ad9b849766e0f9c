#include "tests/support/agent_bench.h"

#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/run/source_rules.h"
#include "client/run/source_run.h"
#include "client/source/sqlite/log/change_log.h"
#include "client/state/run_state.h"

namespace mirror {
namespace {

/// A busy machine may take longer for a handshake than a connection's first attempt lasts.
void Patient(grpc::ClientContext& context) {
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
}

namespace fs = std::filesystem;

constexpr int kBusyMs = 5'000;

/// A file of SQLite's goes with what stands beside it.
void RemoveLogs(const std::string& path) {
  for (const char* tail : {"-wal", "-shm", "-journal"}) fs::remove(path + tail);
}

}  // namespace

AgentBench::AgentBench(Installation& here, std::string context_id, std::string folder)
    : here_(here), context_id_(std::move(context_id)), folder_(std::move(folder)) {
  fs::create_directories(folder_);
  config_.agent.state_dir = folder_ + "/state";
  config_.sources.emplace_back().context_id = context_id_;
  source().path = path();
  Connect();
}

void AgentBench::Connect() { ConnectBy(here_.Channel().value(), {}); }

void AgentBench::ConnectBy(const std::shared_ptr<grpc::Channel>& channel, const Patience& patience) {
  connection_ = {std::make_shared<Line>([channel] { return channel; }), here_.SourceIdentity().value(),
                 patience};
}

std::string AgentBench::Sql(const std::string& sql) const {
  sqlite3* database = nullptr;
  sqlite3_open(path().c_str(), &database);
  sqlite3_busy_timeout(database, kBusyMs);
  const int code =
      sqlite3_exec(database, ("PRAGMA synchronous = OFF; " + sql).c_str(), nullptr, nullptr, nullptr);
  std::string words = code == SQLITE_OK ? "" : absl::StrCat(sqlite3_errmsg(database), ": ", sql);
  sqlite3_close(database);
  return words;
}

absl::Status AgentBench::Install() const {
  ChangeLogOptions options = LogOptionsOf(config_.sources.front());
  // A source that was read without one stays the source that it is.
  const absl::StatusOr<RunState> state = RunState::Load(config_.agent.state_dir, context_id_);
  if (!state.ok()) return state.status();
  if (!state->tables().Names().empty()) options.source_id = state->source_id();
  return ChangeLog::Install(options).status();
}

CycleReport AgentBench::Run(bool repopulate) {
  RunRequest request;
  request.repopulate = repopulate;
  request.progress = [this](const Work& work) {
    if (on_rows && work.doing == std::string_view(Work{}.doing)) on_rows(work);
  };
  request.read_ahead = read_ahead;
  request.verify = verify;
  request.repair = repair;
  return RunSource(config_, source(), connection_, request);
}

bool AgentBench::RunUntilDeath(CycleReport* report) {
  try {
    *report = Run();
    return true;
  } catch (const AgentDies&) {
    return false;
  }
}

std::string AgentBench::Copy(const std::string& from, const std::string& to) {
  sqlite3 *source = nullptr, *target = nullptr;
  sqlite3_open_v2(from.c_str(), &source, SQLITE_OPEN_READWRITE, nullptr);
  sqlite3_open(to.c_str(), &target);
  sqlite3_busy_timeout(source, kBusyMs);
  sqlite3_busy_timeout(target, kBusyMs);
  sqlite3_exec(target, "PRAGMA synchronous = OFF", nullptr, nullptr, nullptr);
  std::string words;
  sqlite3_backup* const backup = sqlite3_backup_init(target, "main", source, "main");
  if (backup != nullptr) sqlite3_backup_step(backup, -1);
  if (backup == nullptr || sqlite3_backup_finish(backup) != SQLITE_OK) words = sqlite3_errmsg(target);
  sqlite3_close(source);
  sqlite3_close(target);
  return words;
}

std::string AgentBench::Restore(const std::string& name, By by) const {
  const std::string backup = folder_ + "/" + name;
  if (by == By::kBackup) return Copy(backup, path());
  RemoveLogs(path());
  if (by == By::kCopy) {
    fs::copy_file(backup, path(), fs::copy_options::overwrite_existing);
    return "";
  }
  fs::copy_file(backup, backup + ".moved", fs::copy_options::overwrite_existing);
  fs::rename(backup + ".moved", path());
  return "";
}

std::string AgentBench::RestoreMirror(const std::string& name, By by) const {
  const std::string backup = folder_ + "/" + name;
  if (by == By::kBackup) return Copy(backup, mirror_path());
  fs::copy_file(backup, backup + ".moved", fs::copy_options::overwrite_existing);
  fs::rename(backup + ".moved", mirror_path());
  return "";
}

std::vector<std::string> AgentBench::LetPass() {
  const auto admin = here_.Admin().value();
  v1::ListHoldsRequest of_tenant;
  of_tenant.set_context_id(context_id_);
  v1::ListHoldsResponse held;
  grpc::ClientContext listing;
  Patient(listing);
  const grpc::Status listed = admin->ListHolds(&listing, of_tenant, &held);
  EXPECT_TRUE(listed.ok()) << listed.error_message();
  std::vector<std::string> reasons;
  for (const v1::Hold& hold : held.holds()) {
    if (hold.state() != "waiting") continue;
    v1::CommitHoldRequest commit;
    commit.set_context_id(hold.context_id());
    commit.set_hold_id(hold.hold_id());
    v1::CommitHoldResponse done;
    grpc::ClientContext context;
    Patient(context);
    const grpc::Status committed = admin->CommitHold(&context, commit, &done);
    EXPECT_TRUE(committed.ok()) << committed.error_message();
    reasons.push_back(hold.reason());
  }
  return reasons;
}

std::string Summary(const CycleReport& report) {
  std::string text = absl::StrCat("cycle ", report.cycle, ": ", std::string(ToString(report.outcome)), " ",
                                  report.status.ToString(), " ", report.reason, "\n");
  for (const std::string& note : report.notes) absl::StrAppend(&text, "  note: ", note, "\n");
  for (const TableReport& table : report.tables) {
    absl::StrAppend(&text, "  ", table.table, ": ", std::string(ToString(table.action)), " ",
                    std::string(ToString(table.result)), " +", table.inserts, " ~", table.updates, " -",
                    table.deletes, " lsn ", table.lsn, " ", table.reason, "\n");
  }
  return text;
}

TableReport ReportOf(const CycleReport& report, const std::string& table) {
  for (const TableReport& entry : report.tables) {
    if (entry.table == table) return entry;
  }
  return {};
}

}  // namespace mirror
