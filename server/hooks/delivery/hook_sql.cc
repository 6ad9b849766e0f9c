#include "server/hooks/delivery/hook_sql.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/schema_guard.h"
#include "base/folded_name.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

using Clock = std::chrono::steady_clock;

/// How long it waits for the mirror's own transaction.
constexpr int kBusyTimeoutMs = 1'000;
constexpr int kOpsPerLook = 1'000;

/// What a statement may do.
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
        // Of "sqlite_..." DEFENSIVE lets through what CREATE and DROP need.
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

  const std::set<std::string> mirrored_;  ///< Folded; the metadata table too.
};

struct Limit {
  Clock::time_point deadline;
  const std::stop_token* stop;
  static int IsOver(void* self) {
    const auto* const limit = static_cast<const Limit*>(self);
    return Clock::now() > limit->deadline || limit->stop->stop_requested() ? 1 : 0;
  }
};

void Bind(sqlite3_stmt* statement, const char* name, const std::string& text) {
  const int place = sqlite3_bind_parameter_index(statement, name);
  if (place != 0) {
    sqlite3_bind_text(statement, place, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }
}

void BindAll(sqlite3_stmt* statement, const HookDelivery& delivery) {
  Bind(statement, ":context_id", delivery.context_id);
  Bind(statement, ":event", delivery.event);
  Bind(statement, ":json", delivery.json);
  const int place = sqlite3_bind_parameter_index(statement, ":cycle");
  if (place != 0) sqlite3_bind_int64(statement, place, delivery.cycle);
}

class Run {
 public:
  explicit Run(const std::string& path) : database_(path, SQLite::OPEN_READWRITE, kBusyTimeoutMs) {
    sqlite3* const handle = database_.getHandle();
    if (const int code = GuardSchema(handle); code != SQLITE_OK) throw SQLite::Exception(handle, code);
    // The log is the server's to empty, and readers need it to be there.
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    int keep = 1;
    sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    sqlite3_wal_autocheckpoint(handle, 0);
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
    database_.exec("PRAGMA synchronous = NORMAL");
  }

  absl::StatusOr<std::string> Statements(const std::string& sql, const HookDelivery& delivery,
                                         Clock::time_point deadline, const std::stop_token& stop) {
    sqlite3* const handle = database_.getHandle();
    database_.exec("BEGIN IMMEDIATE");
    const Guard guard(Mirrored(delivery.context_id));
    Limit limit{std::min(deadline, Clock::now() + kSqlHookTimeMax), &stop};
    sqlite3_progress_handler(handle, kOpsPerLook, &Limit::IsOver, &limit);
    sqlite3_set_authorizer(handle, &Guard::Authorize, const_cast<Guard*>(&guard));
    absl::StatusOr<std::string> answer = All(sql, delivery);
    sqlite3_set_authorizer(handle, nullptr, nullptr);
    const bool late = Limit::IsOver(&limit) != 0;
    sqlite3_progress_handler(handle, 0, nullptr, nullptr);
    if (!answer.ok() || sqlite3_get_autocommit(handle) != 0) {
      if (sqlite3_get_autocommit(handle) == 0) database_.exec("ROLLBACK");
      if (answer.ok()) answer = absl::AbortedError("a statement ended the transaction");
      if (late) {
        return absl::DeadlineExceededError(absl::StrCat(
            "the statements took longer than ", kSqlHookTimeMax.count(),
            " ms or the hook's timeout, for which the mirror is locked; nothing of them is kept"));
      }
      return answer;
    }
    database_.exec("COMMIT");
    return answer;
  }

 private:
  std::set<std::string> Mirrored(const std::string& context_id) {
    const std::string metadata = absl::StrCat(context_id, "_mirroring");
    std::set<std::string> names = {FoldName(metadata)};
    for (const std::string& sql : {absl::StrCat("SELECT table_name FROM ", QuoteName(metadata)),
                                   std::string("SELECT table_name FROM _mirror_schema")}) {
      SQLite::Statement query(database_, sql);
      while (query.executeStep()) names.insert(FoldName(query.getColumn(0).getString()));
    }
    return names;
  }

  absl::StatusOr<std::string> All(const std::string& sql, const HookDelivery& delivery) {
    sqlite3* const handle = database_.getHandle();
    std::optional<std::string> answer;
    for (const char* rest = sql.c_str(); *rest != '\0';) {
      sqlite3_stmt* raw = nullptr;
      int code = sqlite3_prepare_v2(handle, rest, -1, &raw, &rest);
      const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, &sqlite3_finalize);
      if (code == SQLITE_OK && raw == nullptr) continue;  // A comment, or spaces.
      if (code == SQLITE_OK) BindAll(raw, delivery);
      while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(raw);
        if (code != SQLITE_ROW || answer) continue;
        const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(raw, 0));
        const int size = sqlite3_column_bytes(raw, 0);
        answer = text == nullptr ? "" : std::string(text, static_cast<std::size_t>(size));
        answer->resize(std::min(answer->size(), kHookOutputBytesMax));
      }
      if (code != SQLITE_DONE) {
        return absl::AbortedError(absl::StrCat("SQLite: ", sqlite3_errmsg(handle)));
      }
    }
    return answer.value_or("");
  }

  SQLite::Database database_;
};

class SqlHook final : public HookTarget {
 public:
  SqlHook(std::string sql, PathOfMirror path_of) : sql_(std::move(sql)), path_of_(std::move(path_of)) {}

  absl::StatusOr<std::string> Deliver(const HookDelivery& delivery, std::chrono::milliseconds timeout,
                                      const std::stop_token& stop) override {
    // There is no database for what the server tells of itself.
    if (delivery.context_id.empty()) return std::string();
    std::error_code unknown;
    // A tenant may be asked about before it has a mirror.
    const std::string path = path_of_(delivery.context_id);
    if (delivery.event == "authenticated" && !std::filesystem::exists(path, unknown)) return std::string();
    try {
      Run run(path);
      return run.Statements(sql_, delivery, Clock::now() + timeout, stop);
    } catch (const SQLite::Exception& error) {
      return absl::UnavailableError(absl::StrCat("SQLite: ", error.getErrorStr()));
    }
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
  try {
    SQLite::Database empty(":memory:", SQLite::OPEN_READWRITE);
    const Guard guard({});
    sqlite3_set_authorizer(empty.getHandle(), &Guard::Authorize, const_cast<Guard*>(&guard));
    for (std::size_t begin = 0; begin < sql.size();) {
      // SQLite does not say where a statement ends that it cannot prepare.
      std::size_t end = begin;
      std::string one;
      do {
        end = std::min(sql.find(';', end), sql.size() - 1) + 1;
        one = sql.substr(begin, end - begin);
      } while (end < sql.size() && sqlite3_complete(one.c_str()) == 0);
      begin = end;
      sqlite3_stmt* raw = nullptr;
      const int code = sqlite3_prepare_v2(empty.getHandle(), one.c_str(), -1, &raw, nullptr);
      sqlite3_finalize(raw);
      if (code == SQLITE_OK) continue;
      const std::string_view words = sqlite3_errmsg(empty.getHandle());
      // Of its tables and columns nothing is known here.
      const bool of_schema = words.starts_with("no such table") || words.starts_with("no such column") ||
                             words.starts_with("no such index") || words.starts_with("no such trigger") ||
                             words.starts_with("no such view");
      if (!of_schema) return absl::InvalidArgumentError(absl::StrCat("SQLite: ", std::string(words)));
    }
  } catch (const SQLite::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("SQLite: ", error.getErrorStr()));
  }
  return absl::OkStatus();
}

}  // namespace mirror
