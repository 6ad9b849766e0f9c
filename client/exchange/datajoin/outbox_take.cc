#include "client/exchange/datajoin/outbox_take.h"

#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "client/exchange/datajoin/box_entry.h"
#include "client/exchange/datajoin/datajoin_objects.h"
#include "client/exchange/log_entries.h"
#include "client/exchange/member_table.h"
#include "proto/wire/exchange/ledger.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

/// What an entry names, as the application wrote it.
struct Named {
  std::int64_t id = 0;
  std::string table, key;
};

sqlite::Value TextValue(std::string text) {
  sqlite::Value value;
  value.type = sqlite::Type::kText;
  value.bytes = std::move(text);
  return value;
}

std::optional<sqlite::Value> WholeNumber(const std::string& text) {
  sqlite::Value value;
  value.type = sqlite::Type::kInteger;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value.integer);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

/// The values of a key of several columns, each as text or whole number. Absent: it is none of this table.
std::optional<RowOf> PartsOf(const std::string& key, std::size_t count) {
  if (count == 1) return RowOf{TextValue(key)};
  const absl::StatusOr<std::vector<Literal>> parts = KeyOfJson(key);
  if (!parts.ok() || parts->size() != count) return std::nullopt;
  RowOf values;
  for (const Literal& part : *parts) {
    if (const auto* const text = std::get_if<std::string>(&part)) {
      values.push_back(TextValue(*text));
    } else if (const auto* const number = std::get_if<std::int64_t>(&part)) {
      values.push_back(TextValue(absl::StrCat(*number)));
    } else {
      return std::nullopt;
    }
  }
  return values;
}

class OutboxReader {
 public:
  OutboxReader(const SqliteFile& file, const ExchangeRules& rules) : file_(file), tables_(file, rules) {}

  absl::StatusOr<bool> Take() {
    if (absl::Status fresh = tables_.Refresh().status(); !fresh.ok()) return fresh;
    for (const auto& [log, name] : tables_.names()) {
      if (name != kLedgerTable) logs_[FoldName(name)] = log;
    }
    if (absl::Status status = TakeUnread(); !status.ok()) return status;
    absl::StatusOr<std::int64_t> taken = file_.Number("SELECT outbox_id FROM main._mirror_datajoin");
    if (!taken.ok()) return taken.status();
    const absl::StatusOr<std::int64_t> highest = HighestEntry(file_, kOutboxTable);
    if (!highest.ok()) return highest.status();
    // Emptied, and its numbers begin anew.
    if (*highest < *taken) taken = 0;
    const absl::StatusOr<std::vector<Named>> entries =
        Read(absl::StrCat("SELECT id, object_table, object_id FROM main.", std::string(kOutboxTable),
                          " WHERE id > ?1 ORDER BY id LIMIT ?2"),
             *taken, kTakenAtOnce);
    if (!entries.ok()) return entries.status();
    for (const Named& entry : *entries) {
      const absl::StatusOr<bool> noted = Note(entry);
      if (!noted.ok()) return noted.status();
      absl::Status kept = *noted ? absl::OkStatus() : Remember(entry.id);
      if (!kept.ok()) return kept;
    }
    const std::int64_t last = entries->empty() ? *taken : entries->back().id;
    if (absl::Status moved =
            file_.Query("UPDATE main._mirror_datajoin SET outbox_id = ?1 WHERE outbox_id <> ?1")
                .With(last)
                .Run();
        !moved.ok()) {
      return moved;
    }
    return last < *highest;
  }

 private:
  absl::StatusOr<std::vector<Named>> Read(const std::string& sql, std::int64_t from,
                                          std::int64_t limit) const {
    std::vector<Named> entries;
    sqlite::Statement query = file_.Query(sql);
    query.With(from, limit);
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step()) {
      entries.push_back({query.Int(0), query.Text(1), query.Text(2)});
    }
    if (!row.ok()) return row.status();
    return entries;
  }

  /// Those that the application took away are nobody's concern any more.
  absl::Status TakeUnread() {
    absl::Status gone =
        file_
            .Query(absl::StrCat("DELETE FROM main._mirror_datajoin_unread WHERE outbox_id NOT IN "
                                "(SELECT id FROM main.",
                                std::string(kOutboxTable), ")"))
            .Run();
    if (!gone.ok()) return gone;
    const absl::StatusOr<std::vector<Named>> entries =
        Read(absl::StrCat("SELECT id, object_table, object_id FROM main.", std::string(kOutboxTable),
                          " WHERE id > ?1 AND id IN (SELECT outbox_id FROM main._mirror_datajoin_unread) "
                          "ORDER BY id LIMIT ?2"),
             0, kUnreadAtOnce);
    if (!entries.ok()) return entries.status();
    for (const Named& entry : *entries) {
      const absl::StatusOr<bool> noted = Note(entry);
      if (!noted.ok()) return noted.status();
      if (!*noted) continue;
      absl::Status forgotten =
          file_.Query("DELETE FROM main._mirror_datajoin_unread WHERE outbox_id = ?1").With(entry.id).Run();
      if (!forgotten.ok()) return forgotten;
    }
    return absl::OkStatus();
  }

  absl::Status Remember(std::int64_t id) const {
    return file_.Query("INSERT OR IGNORE INTO main._mirror_datajoin_unread (outbox_id) VALUES (?1)")
        .With(id)
        .Run();
  }

  /// False: it names no row that could be sent.
  absl::StatusOr<bool> Note(const Named& entry) {
    const auto log = logs_.find(FoldName(entry.table));
    if (log == logs_.end()) return false;
    const absl::StatusOr<const MemberTable*> table = tables_.FindByLog(log->second);
    if (!table.ok()) return table.status();
    if (*table == nullptr || (*table)->key.empty()) return false;
    const std::optional<RowOf> parts = PartsOf(entry.key, (*table)->key.size());
    if (!parts) return false;
    if (!noted_.emplace(log->second, entry.key).second) return true;
    absl::StatusOr<std::optional<RowOf>> key = Find(**table, *parts);
    if (!key.ok()) return key.status();
    if (!*key) *key = AsDeclared(**table, *parts);
    if (!*key) return false;
    absl::Status noted = NoteInLog(file_, **table, **key);
    if (!noted.ok()) return noted;
    return true;
  }

  /// The key of the row that is meant, as it stands there. The database compares a text with a number where
  /// its column is declared so, else they are tried one after the other.
  absl::StatusOr<std::optional<RowOf>> Find(const MemberTable& table, const RowOf& parts) const {
    std::vector<std::string> names, terms;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      names.push_back(QuoteName(table.plan.schema.columns[table.key[i]].name));
      terms.push_back(absl::StrCat(names.back(), " = ?", i + 1));
    }
    sqlite::Statement query =
        file_.Query(absl::StrCat("SELECT ", absl::StrJoin(names, ", "), " FROM main.",
                                 QuoteName(table.name()), " WHERE ", absl::StrJoin(terms, " AND ")));
    for (const bool as_number : {false, true}) {
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::optional<sqlite::Value> number = WholeNumber(parts[i].bytes);
        query.Bind(static_cast<int>(i + 1), as_number && number ? *number : parts[i]);
      }
      const absl::StatusOr<bool> there = query.Step();
      if (!there.ok()) return there.status();
      if (*there) {
        RowOf key;
        for (std::size_t i = 0; i < parts.size(); ++i) key.push_back(query.ValueAt(static_cast<int>(i)));
        return std::optional<RowOf>(std::move(key));
      }
      query.Reset();
    }
    return std::optional<RowOf>();
  }

  /// The key of a row that is gone. Absent: no row of the table could have it.
  static std::optional<RowOf> AsDeclared(const MemberTable& table, const RowOf& parts) {
    RowOf key;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Type type = table.plan.schema.columns[table.key[i]].type;
      std::optional<sqlite::Value> part;
      if (type == Type::kText) part = parts[i];
      if (type == Type::kInt64) part = WholeNumber(parts[i].bytes);
      if (!part) return std::nullopt;
      key.push_back(*std::move(part));
    }
    return key;
  }

  const SqliteFile& file_;
  MemberTables tables_;
  std::map<std::string, std::int64_t> logs_;              ///< By folded name.
  std::set<std::pair<std::int64_t, std::string>> noted_;  ///< Log and key, as they are written.
};

}  // namespace

absl::StatusOr<bool> TakeOutbox(const SqliteFile& file, const ExchangeRules& rules) {
  return OutboxReader(file, rules).Take();
}

}  // namespace mirror
