#include "client/source/server/stage_limit.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/server/stage_rows.h"

namespace mirror {
namespace {

constexpr char kMakingRoom[] = "making room in it";
/// Rows deleted in one transaction. Limits how long other writers wait.
constexpr std::int64_t kTrimRows = 10'000;
/// Why floors rise: the end of a message.
constexpr char kConfirmedThere[] = "the mirror had confirmed them";
/// Number of steps in which durable rows are dropped, by the age of their last change.
constexpr int kTrimSteps = 8;
constexpr int kReadersWaitMs = 1'000;
constexpr std::int64_t kPagesGivenBack = 10'000;
/// Approximate size of a row beside its key and values.
constexpr int kRowOverhead = 64;

absl::StatusOr<std::optional<std::int64_t>> NumberOf(const sqlite::Connection& database,
                                                     const std::string& sql) {
  sqlite::Statement select = database.Prepare(sql, kMakingRoom);
  RETURN_IF_ERROR(select.StepToRow());
  if (select.IsNull(0)) return std::nullopt;
  return select.Int(0);
}

absl::StatusOr<std::int64_t> UsedPagesBytes(const sqlite::Connection& database) {
  std::int64_t numbers[3] = {};
  const char* const pragmas[] = {"PRAGMA page_count", "PRAGMA freelist_count", "PRAGMA page_size"};
  for (int i = 0; i < 3; ++i) {
    ASSIGN_OR_RETURN(numbers[i], database.Number(pragmas[i], kMakingRoom));
  }
  return (numbers[0] - numbers[1]) * numbers[2];
}

absl::StatusOr<bool> EmptyLog(const sqlite::Connection& database) {
  sqlite::Statement checkpoint = database.Prepare("PRAGMA wal_checkpoint(TRUNCATE)", kMakingRoom);
  RETURN_IF_ERROR(checkpoint.StepToRow());
  return checkpoint.Int(0) == 0;
}

/// Copies all of SQLite's log into the file, and returns the bytes in use. Absent: a reader uses the log, so
/// it stays. Deleting rows would then save no space.
absl::StatusOr<std::optional<std::int64_t>> UsedWithoutLog(const sqlite::Connection& database) {
  // While rows are being read, the staging thread must not wait long.
  absl::Status set = database.Execute(absl::StrCat("PRAGMA busy_timeout = ", kReadersWaitMs), kMakingRoom);
  if (!set.ok()) return set;
  const absl::StatusOr<bool> emptied = EmptyLog(database);
  set = database.Execute(absl::StrCat("PRAGMA busy_timeout = ", Stage::kBusyMs), kMakingRoom);
  if (!emptied.ok()) return emptied.status();
  if (!set.ok()) return set;
  if (!*emptied) return std::nullopt;
  ASSIGN_OR_RETURN(const std::int64_t used, UsedPagesBytes(database));
  return used;
}

/// Drops durable rows, oldest first, until at most 9/10 of `most` bytes are in use.
absl::Status DropDurable(const sqlite::Connection& database, const DurableLsns& durable, std::int64_t most) {
  std::int64_t first = INT64_MAX, last = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> tables;
  for (const auto& [table, lsn] : durable) {
    ASSIGN_OR_RETURN(const std::optional<StagedTable> known, ReadStagedTable(database, table));
    if (!known) continue;
    ASSIGN_OR_RETURN(const auto least,
                     NumberOf(database, absl::StrCat("SELECT min(lsn) FROM ", NetName(table))));
    if (!least || *least > lsn) continue;
    first = std::min(first, *least);
    last = std::max(last, lsn);
    tables.emplace_back(table, lsn);
  }
  for (int step = 1; step <= kTrimSteps && !tables.empty(); ++step) {
    const std::int64_t part = (last - first) / kTrimSteps;
    const std::int64_t cut = step == kTrimSteps ? last : first + part * step;
    for (const auto& [table, lsn] : tables) {
      absl::StatusOr<bool> more = true;
      while (more.ok() && *more) more = TrimSome(database, table, std::min(cut, lsn));
      if (!more.ok()) return more.status();
    }
    ASSIGN_OR_RETURN(const std::optional<std::int64_t> used, UsedWithoutLog(database));
    if (!used || *used <= most / 10 * 9) break;
  }
  return absl::OkStatus();
}

/// Returns the table whose rows take most bytes; absent: no table has rows.
absl::StatusOr<std::optional<StagedTable>> FindGreatest(const sqlite::Connection& database) {
  ASSIGN_OR_RETURN(const std::vector<StagedTable> tables, ReadStagedTables(database));
  std::optional<StagedTable> greatest;
  std::int64_t most = 0;
  for (const StagedTable& table : tables) {
    ASSIGN_OR_RETURN(const auto bytes,
                     NumberOf(database, absl::StrCat("SELECT sum(length(key) + length(row) + ", kRowOverhead,
                                                     ") FROM ", NetName(table.id))));
    if (bytes.value_or(0) <= most) continue;
    most = *bytes;
    greatest = table;
  }
  return greatest;
}

}  // namespace

absl::StatusOr<DurableLsns> ReadDurable(const sqlite::Connection& database) {
  DurableLsns durable;
  sqlite::Statement select =
      database.Prepare("SELECT id, durable FROM tables WHERE durable > 0", kMakingRoom);
  absl::StatusOr<bool> there = select.Step();
  for (; there.ok() && *there; there = select.Step()) durable.emplace(select.Int(0), select.Int(1));
  if (!there.ok()) return there.status();
  return durable;
}

absl::StatusOr<std::int64_t> UsedBytes(const sqlite::Connection& database, const StageFile& file) {
  const absl::StatusOr<std::int64_t> used = UsedPagesBytes(database);
  if (!used.ok()) return used;
  return *used + file.LogBytes();
}

absl::StatusOr<bool> TrimSome(const sqlite::Connection& database, std::int64_t table, std::int64_t cut) {
  bool more = false;
  RETURN_IF_ERROR(database.Transact(
      sqlite::Connection::Begin::kImmediate,
      [&] {
        const absl::StatusOr<std::optional<StagedTable>> known = ReadStagedTable(database, table);
        if (!known.ok() || !*known) return known.status();
        const auto last =
            NumberOf(database, absl::StrCat("SELECT max(lsn) FROM ", NetName(table), " WHERE lsn <= ", cut));
        if (!last.ok() || !*last) return last.status();
        absl::Status done =
            database.Execute(absl::StrCat("UPDATE tables SET floor = ", **last, ", gone_because = '",
                                          kConfirmedThere, "' WHERE id = ", table, " AND floor < ", **last),
                             kMakingRoom);
        if (!done.ok()) return done;
        done = database.Execute(
            absl::StrCat("DELETE FROM ", NetName(table), " WHERE key IN (SELECT key FROM ", NetName(table),
                         " WHERE lsn <= ", cut, " ORDER BY lsn LIMIT ", kTrimRows, ")"),
            kMakingRoom);
        more = database.Changes() == kTrimRows;
        return done;
      },
      kMakingRoom));
  return more;
}

absl::StatusOr<StagedTable> EmptyTable(const sqlite::Connection& database, StagedTable table,
                                       std::int64_t floor, const std::string& because) {
  ASSIGN_OR_RETURN(const auto last,
                   NumberOf(database, absl::StrCat("SELECT max(lsn) FROM ", NetName(table.id))));
  table.floor = std::max({table.floor, floor, last.value_or(0), table.truncated_lsn});
  table.truncated_lsn = 0;
  table.gone_because = because;
  absl::Status done = database.Execute(absl::StrCat("DELETE FROM ", NetName(table.id)), kMakingRoom);
  if (done.ok()) done = WriteStagedTable(database, table);
  if (!done.ok()) return done;
  return table;
}

absl::StatusOr<std::vector<StagedTable>> MakeRoomInStage(const sqlite::Connection& database,
                                                         const DurableLsns& durable, std::int64_t most,
                                                         const std::string& because) {
  std::vector<StagedTable> given_up;
  absl::StatusOr<std::optional<std::int64_t>> used = UsedWithoutLog(database);
  if (used.ok() && *used && **used > most) {
    RETURN_IF_ERROR(DropDurable(database, durable, most));
    used = UsedWithoutLog(database);
  }
  for (; used.ok() && *used && **used > most; used = UsedWithoutLog(database)) {
    ASSIGN_OR_RETURN(const std::optional<StagedTable> greatest, FindGreatest(database));
    if (!greatest) break;
    RETURN_IF_ERROR(database.Transact(
        sqlite::Connection::Begin::kImmediate,
        [&] {
          absl::StatusOr<StagedTable> table = EmptyTable(database, *greatest, 0, because);
          if (table.ok()) given_up.push_back(*std::move(table));
          return table.status();
        },
        kMakingRoom));
  }
  if (!used.ok()) return used.status();
  if (!*used) return given_up;
  RETURN_IF_ERROR(GiveBackRoom(database));
  if (const auto left = UsedWithoutLog(database); !left.ok()) return left.status();
  return given_up;
}

absl::Status GiveBackRoom(const sqlite::Connection& database) {
  const absl::StatusOr<std::int64_t> all = database.Number("PRAGMA page_count", kMakingRoom);
  const absl::StatusOr<std::int64_t> free = database.Number("PRAGMA freelist_count", kMakingRoom);
  if (!all.ok()) return all.status();
  if (!free.ok()) return free.status();
  if (*free < *all / 4 || *free < kPagesGivenBack / 10) return absl::OkStatus();
  return database.Execute(absl::StrCat("PRAGMA incremental_vacuum(", kPagesGivenBack, ")"), kMakingRoom);
}

}  // namespace mirror
