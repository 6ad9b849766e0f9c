#include "client/exchange/ledger_rows.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/exchange/ledger.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

constexpr std::int64_t kDoublings = 20;  // Far beyond a day, and no overflow.

/// `text` must live until the statement was stepped.
void BindText(sqlite::Statement& statement, int place, const std::optional<std::string>& text) {
  if (text) {
    statement.Bind(place, std::string_view(*text));
  } else {
    statement.BindNull(place);
  }
}

sqlite::Value ValueOfLiteral(Literal literal) {
  if (const auto* integer = std::get_if<std::int64_t>(&literal)) {
    return {.type = sqlite::Type::kInteger, .integer = *integer};
  }
  if (const auto* real = std::get_if<double>(&literal)) return {.type = sqlite::Type::kReal, .real = *real};
  if (auto* text = std::get_if<std::string>(&literal)) {
    return {.type = sqlite::Type::kText, .bytes = std::move(*text)};
  }
  if (auto* bytes = std::get_if<Bytes>(&literal)) {
    return {.type = sqlite::Type::kBlob, .bytes = std::move(bytes->value)};
  }
  return {.type = sqlite::Type::kNull};
}

/// Adds the ids of a table's entries whose rows do not exist. Null: the table does not exist.
absl::Status FindGone(const SqliteFile& file, const std::string& name, const MemberTable* table,
                      std::vector<std::string>* gone) {
  sqlite::Statement entries = file.Query(
      "SELECT delivery_id, key FROM main._mirror_ledger WHERE table_name = ?1 AND wrote IS NOT NULL AND key "
      "IS "
      "NOT NULL");
  entries.Bind(1, name);
  std::optional<sqlite::Statement> find;
  if (table != nullptr) {
    find.emplace(file.Query(
        absl::StrCat("SELECT 1 FROM main.", QuoteName(table->name()), " WHERE ", table->KeyIs(1))));
  }
  for (;;) {
    const absl::StatusOr<bool> more = entries.Step();
    if (!more.ok() || !*more) return more.status();
    if (find) {
      const std::optional<RowOf> key = KeyOfText(entries.Text(1), *table);
      if (!key) continue;
      find->Reset();
      for (std::size_t i = 0; i < key->size(); ++i) find->Bind(static_cast<int>(i + 1), (*key)[i]);
      ASSIGN_OR_RETURN(const bool there, find->Step());
      if (there) continue;
    }
    gone->push_back(entries.Text(0));
  }
}

}  // namespace

absl::StatusOr<std::optional<LedgerState>> FindInLedger(const SqliteFile& file,
                                                        const std::string& delivery_id) {
  sqlite::Statement query =
      file.Query("SELECT state, attempts, next_at FROM main._mirror_ledger WHERE delivery_id = ?1");
  ASSIGN_OR_RETURN(const bool row, query.With(delivery_id).Step());
  if (!row) return std::optional<LedgerState>();
  return LedgerState{query.Text(0) == "APPLIED", query.Int(1), query.Int(2)};
}

absl::Status WriteLedger(const SqliteFile& file, const LedgerRow& row) {
  RETURN_IF_ERROR(file.Query("UPDATE main._mirror_exchange SET ledger_number = ledger_number + 1").Run());
  // No REPLACE: the change log must see that the row existed before.
  sqlite::Statement write = file.Query(
      "INSERT INTO main._mirror_ledger (delivery_id, number, operation, table_name, key, state, wrote, "
      "reason, attempts, next_at, at) SELECT ?1, ledger_number, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM "
      "main._mirror_exchange WHERE true ON CONFLICT (delivery_id) DO UPDATE SET number = excluded.number, "
      "operation = excluded.operation, table_name = excluded.table_name, key = excluded.key, state = "
      "excluded.state, wrote = excluded.wrote, reason = excluded.reason, attempts = excluded.attempts, "
      "next_at = excluded.next_at, at = excluded.at");
  write.Bind(1, std::string_view(row.delivery_id)).Bind(2, std::string_view(row.operation));
  write.Bind(3, std::string_view(row.table_name));
  if (row.key.empty()) {
    write.BindNull(4);
  } else {
    write.Bind(4, std::string_view(row.key));
  }
  write.Bind(5, row.reason ? "REFUSED" : "APPLIED");
  BindText(write, 6, row.wrote);
  BindText(write, 7, row.reason);
  write.Bind(8, row.attempts).Bind(9, row.next_at).Bind(10, row.at);
  return write.Run();
}

std::int64_t TriedAgainAt(std::int64_t attempts, std::int64_t now_ms) {
  const std::int64_t doubled = kRefusedRestMs << std::clamp<std::int64_t>(attempts, 0, kDoublings);
  return now_ms + std::min(doubled, kRefusedRestMaxMs);
}

std::optional<RowOf> KeyOfText(const std::string& text, const MemberTable& table) {
  absl::StatusOr<std::vector<Literal>> values = KeyOfJson(text);
  if (!values.ok() || values->size() != table.key.size()) return std::nullopt;
  RowOf key;
  for (Literal& value : *values) {
    key.push_back(table.ShownPart(table.key[key.size()], ValueOfLiteral(std::move(value))));
  }
  return key;
}

std::int64_t EntriesPassedOver(std::int64_t entries, std::int64_t now_ms) {
  const std::int64_t parts = (entries + kEntriesLookedAt - 1) / kEntriesLookedAt;
  return parts <= 1 ? 0 : now_ms % parts * kEntriesLookedAt;
}

absl::Status ForgetValuesOfGone(const SqliteFile& file, const ExchangeRules& rules) {
  const absl::StatusOr<std::vector<std::string>> names =
      file.Query("SELECT DISTINCT table_name FROM main._mirror_ledger WHERE wrote IS NOT NULL").Texts();
  if (!names.ok() || names->empty()) return names.status();
  MemberTables tables(file, rules);
  RETURN_IF_ERROR(tables.Refresh().status());
  std::vector<std::string> gone;
  for (const std::string& name : *names) {
    ASSIGN_OR_RETURN(const MemberTable* const table, tables.Find(name));
    RETURN_IF_ERROR(FindGone(file, name, table, &gone));
  }
  // A pure check takes no lock, so the application never waits for it.
  if (gone.empty()) return absl::OkStatus();
  return file.Change([&]() -> absl::Status {
    for (const std::string& id : gone) {
      RETURN_IF_ERROR(
          file.Query("UPDATE main._mirror_ledger SET wrote = NULL WHERE delivery_id = ?1").With(id).Run());
    }
    return absl::OkStatus();
  });
}

}  // namespace mirror
