#include "server/hooks/delivery/hook_sql.h"

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "base/db/sqlite/schema_guard.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

using Clock = std::chrono::steady_clock;

/// How long to wait for the mirror's own transaction, in ms.
constexpr int kBusyTimeoutMs = 1'000;
constexpr int kOpsPerLook = 1'000;
/// Operation name for failures of the hook's own statements.
constexpr char kStatement[] = "statement";

/// Authorizer: decides what a statement may do.
class Guard {
 public:
  explicit Guard(std::set<std::string> mirrored) : mirrored_(std::move(mirrored)) {}

  static int Authorize(void* self, int action, const char* a, const char* b, const char* database,
                       const char* /*trigger*/) {
    const auto text = [](const char* word) { return std::string_view(word == nullptr ? "" : word); };
    return static_cast<const Guard*>(self)->Allows(action, text(a), text(b), text(database)) ? SQLITE_OK
                                                                                             : SQLITE_DENY;
  }

 private:
  bool Allows(int action, std::string_view a, std::string_view b, std::string_view database) const {
    switch (action) {
      case SQLITE_SELECT:
      case SQLITE_RECURSIVE:
        return true;
      case SQLITE_FUNCTION:
        return b != "load_extension";
      case SQLITE_READ:
        return !IsOwn(a);
      case SQLITE_INSERT:
      case SQLITE_UPDATE:
      case SQLITE_DELETE:
      case SQLITE_CREATE_TABLE:
      case SQLITE_DROP_TABLE:
        // For "sqlite_..." tables, DEFENSIVE mode permits only what CREATE and DROP need.
        return database == "temp" || MayChange(a);
      case SQLITE_ALTER_TABLE:
        return MayChange(b);
      case SQLITE_CREATE_INDEX:
      case SQLITE_DROP_INDEX:
      case SQLITE_CREATE_TRIGGER:
      case SQLITE_DROP_TRIGGER:
        return !IsOwn(a) && MayChange(b);
      case SQLITE_CREATE_VIEW:
      case SQLITE_DROP_VIEW:
        return !IsOwn(a);
      case SQLITE_CREATE_TEMP_TABLE:
      case SQLITE_CREATE_TEMP_INDEX:
      case SQLITE_CREATE_TEMP_VIEW:
      case SQLITE_DROP_TEMP_TABLE:
      case SQLITE_DROP_TEMP_INDEX:
      case SQLITE_DROP_TEMP_VIEW:
        return true;
      default:
        return false;
    }
  }

  static bool IsOwn(std::string_view table) { return FoldName(std::string(table)).starts_with("_mirror_"); }
  bool MayChange(std::string_view table) const {
    return !IsOwn(table) && !mirrored_.contains(FoldName(std::string(table)));
  }

  const std::set<std::string> mirrored_;  ///< Folded; includes the metadata table.
};

void Bind(sqlite::Statement& statement, const HookDelivery& delivery) {
  const auto bind = [&](const char* name, const auto& value) {
    const int place = sqlite3_bind_parameter_index(statement.get(), name);
    if (place != 0) statement.Bind(place, value);
  };
  bind(":context_id", delivery.context_id);
  bind(":event", delivery.event);
  bind(":json", delivery.json);
  bind(":cycle", delivery.cycle);
}

/// Turns a failure of a statement, or of the connection and its transaction, into a status.
absl::Status Explain(const sqlite::Failure& failure, std::string_view doing) {
  if (doing == kStatement) return absl::AbortedError(absl::StrCat("SQLite: ", failure.words));
  return absl::UnavailableError(absl::StrCat("SQLite: ", sqlite::WordsOf(failure.code)));
}

absl::StatusOr<std::unique_ptr<sqlite::Connection>> Connect(const std::string& path) {
  auto opened = sqlite::Connection::Open(path, {.busy_ms = kBusyTimeoutMs}, Explain);
  if (!opened.ok()) return opened;
  sqlite3* const handle = (*opened)->handle();
  if (const int code = GuardSchema(handle); code != SQLITE_OK) return (*opened)->Error(code);
  // Only the server checkpoints the WAL, and readers need the WAL file to exist.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  int keep = 1;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
  sqlite3_wal_autocheckpoint(handle, 0);
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
  RETURN_IF_ERROR((*opened)->Execute("PRAGMA synchronous = NORMAL"));
  return opened;
}

absl::StatusOr<std::set<std::string>> Mirrored(const sqlite::Connection& database,
                                               const std::string& context_id) {
  const std::string metadata = absl::StrCat(context_id, "_mirroring");
  std::set<std::string> names = {FoldName(metadata)};
  for (const std::string& table : {QuoteName(metadata), std::string("_mirror_schema")}) {
    ASSIGN_OR_RETURN(const auto listed,
                     database.Prepare(absl::StrCat("SELECT table_name FROM ", table)).Texts());
    for (const std::string& name : listed) names.insert(FoldName(name));
  }
  return names;
}

absl::StatusOr<std::string> RunAll(const sqlite::Connection& database, const std::string& sql,
                                   const HookDelivery& delivery) {
  std::optional<std::string> answer;
  for (const char* rest = sql.c_str(); *rest != '\0';) {
    sqlite3_stmt* raw = nullptr;
    if (const int code = sqlite3_prepare_v2(database.handle(), rest, -1, &raw, &rest); code != SQLITE_OK) {
      return database.Error(code, kStatement);
    }
    if (raw == nullptr) continue;  // A comment, or spaces.
    sqlite::Statement statement(database, raw, kStatement);
    Bind(statement, delivery);
    absl::StatusOr<bool> row = statement.Step();
    for (; row.ok() && *row; row = statement.Step()) {
      if (!answer) answer = std::string(statement.View(0).substr(0, kHookOutputBytesMax));
    }
    if (!row.ok()) return row.status();
  }
  return answer.value_or("");
}

absl::StatusOr<std::string> Run(const sqlite::Connection& database, const std::string& sql,
                                const HookDelivery& delivery, Clock::time_point deadline,
                                const std::stop_token& stop) {
  RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  ASSIGN_OR_RETURN(std::set<std::string> mirrored, Mirrored(database, delivery.context_id));
  const Guard guard(std::move(mirrored));
  const Clock::time_point end = std::min(deadline, Clock::now() + kSqlHookTimeMax);
  const auto is_over = [&] { return Clock::now() > end || stop.stop_requested(); };
  absl::StatusOr<std::string> answer;
  bool late = false;
  {
    const sqlite::Watch watch(database.handle(), kOpsPerLook, is_over);
    sqlite3_set_authorizer(database.handle(), &Guard::Authorize, const_cast<Guard*>(&guard));
    answer = RunAll(database, sql, delivery);
    sqlite3_set_authorizer(database.handle(), nullptr, nullptr);
    late = is_over();
  }
  if (answer.ok() && database.InTransaction()) {
    absl::Status committed = database.Execute("COMMIT");
    return committed.ok() ? answer : committed;
  }
  if (database.InTransaction()) RETURN_IF_ERROR(database.Execute("ROLLBACK"));
  if (answer.ok()) answer = absl::AbortedError("a statement ended the transaction");
  if (!late) return answer;
  return absl::DeadlineExceededError(absl::StrCat(
      "the statements took longer than ", kSqlHookTimeMax.count(),
      " ms or the hook's timeout, and the mirror is locked while they run; all were rolled back"));
}

class SqlHook final : public HookTarget {
 public:
  SqlHook(std::string sql, PathOfMirror path_of) : sql_(std::move(sql)), path_of_(std::move(path_of)) {}

  absl::StatusOr<std::string> Deliver(const HookDelivery& delivery, std::chrono::milliseconds timeout,
                                      const std::stop_token& stop) override {
    // Events of the server itself have no database.
    if (delivery.context_id.empty()) return std::string();
    std::error_code unknown;
    // The 'authenticated' hook may run before the tenant has a mirror.
    const std::string path = path_of_(delivery.context_id);
    if (delivery.event == "authenticated" && !std::filesystem::exists(path, unknown)) return std::string();
    ASSIGN_OR_RETURN(const auto database, Connect(path));
    return Run(*database, sql_, delivery, Clock::now() + timeout, stop);
  }

 private:
  const std::string sql_;
  const PathOfMirror path_of_;
};

}  // namespace

std::unique_ptr<HookTarget> MakeSqlHook(std::string sql, PathOfMirror path_of) {
  return std::make_unique<SqlHook>(std::move(sql), std::move(path_of));
}

absl::Status TryHookSql(const std::string& sql) {
  ASSIGN_OR_RETURN(
      const auto empty,
      sqlite::Connection::Open(":memory:", {}, [](const sqlite::Failure& failure, std::string_view doing) {
        return absl::InvalidArgumentError(
            absl::StrCat("SQLite: ", doing == kStatement ? failure.words : sqlite::WordsOf(failure.code)));
      }));
  const Guard guard({});
  sqlite3_set_authorizer(empty->handle(), &Guard::Authorize, const_cast<Guard*>(&guard));
  for (std::size_t begin = 0; begin < sql.size();) {
    // SQLite does not report where a statement ends that it cannot prepare.
    std::size_t end = begin;
    std::string one;
    do {
      end = std::min(sql.find(';', end), sql.size() - 1) + 1;
      one = sql.substr(begin, end - begin);
    } while (end < sql.size() && !sqlite::IsCompleteSql(one));
    begin = end;
    const sqlite::Statement statement = empty->Prepare(one, kStatement);
    const absl::string_view words = statement.status().message();
    // The tables and columns of the mirror are unknown here.
    const bool of_schema = absl::StartsWith(words, "SQLite: no such table") ||
                           absl::StartsWith(words, "SQLite: no such column") ||
                           absl::StartsWith(words, "SQLite: no such index") ||
                           absl::StartsWith(words, "SQLite: no such trigger") ||
                           absl::StartsWith(words, "SQLite: no such view");
    if (!statement.status().ok() && !of_schema) return statement.status();
  }
  return absl::OkStatus();
}

}  // namespace mirror
