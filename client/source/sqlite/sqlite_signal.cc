#include "client/source/sqlite/sqlite_signal.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/sqlite/log/log_check.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// Time from each look after an event to the next one: 1, 2, 5, ... 1,000 ms after the event.
constexpr std::array<int, 10> kLookSteps = {1, 1, 3, 5, 10, 30, 50, 100, 300, 500};
constexpr milliseconds kQuietLook(1'000), kLookWithoutEvents(100);
/// Between two readings of the ends of the logs.
constexpr milliseconds kReadStep(50);

}  // namespace

std::optional<SqliteSignal::Place> SqliteSignal::Find() const {
  struct stat found = {};
  if (stat(path_.c_str(), &found) != 0) return std::nullopt;
  return Place{found.st_dev, found.st_ino};
}

void SqliteSignal::Close() {
  ends_.clear();
  watch_.reset();
  file_.reset();
}

absl::Status SqliteSignal::Open() {
  Close();
  ASSIGN_OR_RETURN(std::unique_ptr<SqliteFile> file, SqliteFile::Open(path_, Use::kLooks));
  ASSIGN_OR_RETURN(const LogPresence log, FindLog(*file));
  if (log != LogPresence::kWhole) return CannotFollow();
  // A run waits for locks; a look is repeated soon.
  sqlite3_busy_handler(file->handle(), nullptr, nullptr);
  place_ = {static_cast<dev_t>(file->mark().device), static_cast<ino_t>(file->mark().inode)};
  const std::filesystem::path real(file->mark().path);
  const std::string name = real.filename();
  watch_ = watcher_.Add(real.parent_path(), {name, name + "-wal", name + "-journal"});
  file_ = std::move(file);
  return absl::OkStatus();
}

absl::Status SqliteSignal::Mark() {
  const bool is_same = file_ != nullptr && Find() == place_ && watch_->works();
  if (!is_same) RETURN_IF_ERROR(Open());
  // Before the state: a commit in between is read with the next look.
  const absl::StatusOr<std::int64_t> version = file_->Number("PRAGMA data_version");
  absl::StatusOr<State> state = version.ok() ? Read() : version.status();
  if (!state.ok()) {
    Close();
    return state.status();
  }
  marked_ = *std::move(state);
  version_ = *version;
  looks_ = 0;
  quiet_.reset();
  return absl::OkStatus();
}

absl::StatusOr<SqliteSignal::State> SqliteSignal::Read() {
  read_ = std::chrono::steady_clock::now();
  State state;
  ASSIGN_OR_RETURN(state.schema, file_->Number("PRAGMA schema_version"));
  // The log of a source that no agent has used yet has no owner.
  ASSIGN_OR_RETURN(const bool has_owner, file_->HasTable("_mirror_owner"));
  if (has_owner) {
    sqlite::Statement owner = file_->Query("SELECT * FROM _mirror_owner");
    ASSIGN_OR_RETURN(const bool has_row, owner.Step());
    for (int i = 0; has_row && i < sqlite3_column_count(owner.get()); ++i) {
      absl::StrAppend(&state.owner, owner.Text(i), "\n");
    }
  }
  sqlite::Statement logs = file_->Query("SELECT log FROM _mirror_tables");
  for (;;) {
    ASSIGN_OR_RETURN(const bool has_row, logs.Step());
    if (!has_row) return state;
    const std::int64_t log = logs.Int(0);
    const auto [found, is_new] = ends_.try_emplace(log);
    sqlite::Statement& end = found->second;
    if (is_new) end = file_->Query(absl::StrCat("SELECT max(seq) FROM main.", LogName(log)));
    const absl::Status stepped = end.StepToRow();
    if (stepped.ok()) state.ends[log] = end.Int(0);
    end.Reset();
    RETURN_IF_ERROR(stepped);
  }
}

absl::StatusOr<bool> SqliteSignal::HasChanged() {
  const Time begun = std::chrono::steady_clock::now();
  if (Find() != place_) {
    quiet_.reset();
    return true;
  }
  ASSIGN_OR_RETURN(const std::int64_t version, file_->Number("PRAGMA data_version"));
  if (version == version_) {
    quiet_ = begun;
    return false;
  }
  // Somebody committed: earlier looks prove nothing any more.
  quiet_.reset();
  if (begun - read_ < kReadStep) return false;
  ASSIGN_OR_RETURN(const State now, Read());
  if (now.schema != marked_.schema || now.owner != marked_.owner) return true;
  // An end that moved back: the agent removed old entries, or another schema version shows a restore.
  const bool has_entries = std::any_of(now.ends.begin(), now.ends.end(), [this](const auto& log) {
    const auto marked = marked_.ends.find(log.first);
    return marked == marked_.ends.end() || log.second > marked->second;
  });
  // A change stays one until Mark().
  if (has_entries) return true;
  version_ = version;
  quiet_ = begun;
  return false;
}

nanoseconds SqliteSignal::UntilNextLook() {
  nanoseconds wait = kLookWithoutEvents;
  if (watch_->works()) wait = looks_ < kLookSteps.size() ? milliseconds(kLookSteps[looks_]) : kQuietLook;
  ++looks_;
  return wait;
}

ChangeSignal::Heard SqliteSignal::Wait(nanoseconds most, const std::stop_token& stop) {
  const Time end = std::chrono::steady_clock::now() + most;
  while (!stop.stop_requested()) {
    if (file_ == nullptr) return Heard::kLost;
    const absl::StatusOr<bool> changed = HasChanged();
    if (!changed.ok() && !absl::IsUnavailable(changed.status())) {
      Close();
      return Heard::kLost;
    }
    if (changed.ok() && *changed) return Heard::kChange;
    const Time now = std::chrono::steady_clock::now();
    if (now >= end) return Heard::kNothing;
    if (watch_->Wait(std::min<nanoseconds>(UntilNextLook(), end - now), stop)) looks_ = 0;
  }
  return Heard::kNothing;
}

std::optional<SqliteSignal::Time> SqliteSignal::QuietAt(const std::stop_token& /*stop*/) {
  if (file_ == nullptr) return std::nullopt;
  const absl::StatusOr<bool> changed = HasChanged();
  // A lock of another program, which may not have committed yet: the earlier look is the last one.
  const bool finds_nothing = changed.ok() ? !*changed : absl::IsUnavailable(changed.status());
  return finds_nothing ? quiet_ : std::nullopt;
}

}  // namespace mirror
