#include "client/exchange/forget_gone.h"

#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

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

/// Adds the ids of a table's entries whose rows are gone. Null: the table is.
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
  // The application waits for nobody who only looks.
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
