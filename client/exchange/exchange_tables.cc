#include "client/exchange/exchange_tables.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

constexpr char kExchange[] =
    "CREATE TABLE IF NOT EXISTS main._mirror_exchange (one INTEGER PRIMARY KEY CHECK (one = 1), completing "
    "INTEGER NOT NULL, completed INTEGER NOT NULL, ledger_number INTEGER NOT NULL); "
    "INSERT OR IGNORE INTO main._mirror_exchange (one, completing, completed, ledger_number) VALUES "
    "(1, 0, 0, 0); "
    "CREATE TABLE IF NOT EXISTS main._mirror_inbox (delivery_id TEXT NOT NULL PRIMARY KEY, position INTEGER "
    "NOT NULL, body BLOB NOT NULL) WITHOUT ROWID";

/// A push reads all tables as of one moment; with a rollback journal that would block writers.
absl::Status CheckJournal(const SqliteFile& file) {
  if (file.wal()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the source '", file.mark().path,
      "' has a rollback journal. With 'accept', the agent reads all tables in one transaction, which would "
      "block the source's writers: set its journal_mode to WAL, or leave 'accept' out"));
}

absl::StatusOr<std::int64_t> CountTables(const SqliteFile& file) {
  return file.Number(
      "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name IN ('_mirror_exchange', "
      "'_mirror_inbox', '_mirror_ledger')");
}

constexpr std::int64_t kTables = 3;

}  // namespace

std::string LedgerColumns(std::string_view number, std::string_view text, std::string_view key,
                          std::string_view quote) {
  std::string columns;
  const std::string around(quote);
  for (const Column& column : LedgerSchema().columns) {
    const bool is_key = column.key_position == 1;
    const std::string_view type = column.type == Type::kInt64 ? number : is_key ? key : text;
    absl::StrAppend(&columns, columns.empty() ? "" : ", ", around, column.name, around, " ",
                    std::string(type), column.nullable ? "" : " NOT NULL", is_key ? " PRIMARY KEY" : "");
  }
  return columns;
}

absl::Status ExchangeTablesMissing(const std::string& place) {
  return absl::FailedPreconditionError(
      absl::StrCat("'accept' is set, and ", place,
                   " lacks the exchange's tables: run 'mirror-agent install', which makes them"));
}

absl::StatusOr<bool> MakeExchangeTables(const SqliteFile& file) {
  RETURN_IF_ERROR(CheckJournal(file));
  ASSIGN_OR_RETURN(const std::int64_t there, CountTables(file));
  if (there == kTables) return false;
  RETURN_IF_ERROR(file.Change([&file] {
    RETURN_IF_ERROR(file.Run(kExchange));
    return file.Run(absl::StrCat("CREATE TABLE IF NOT EXISTS main.", QuoteName(kLedgerTable), " (",
                                 LedgerColumns("INTEGER", "TEXT", "TEXT"), ") WITHOUT ROWID"));
  }));
  return true;
}

absl::Status CheckExchangeTables(const SqliteFile& file) {
  RETURN_IF_ERROR(CheckJournal(file));
  ASSIGN_OR_RETURN(const std::int64_t there, CountTables(file));
  if (there == kTables) return absl::OkStatus();
  return ExchangeTablesMissing(absl::StrCat("the source '", file.mark().path, "'"));
}

}  // namespace mirror
