#include "client/exchange/datajoin/outbox.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/exchange/datajoin/box_entry.h"
#include "client/exchange/datajoin/datajoin_objects.h"

namespace mirror {
namespace {

/// Writes entries to the outbox.
class OutboxWriter {
 public:
  OutboxWriter(BoxSql& sql, const std::string& database, std::int64_t now_ms)
      : sql_(sql), database_(database), now_ms_(now_ms) {}

  absl::Status Tell(const ChangedForBox& change) {
    if (id_ == 0) RETURN_IF_ERROR(Begin());
    const MemberTable& table = *change.table;
    if (change.ended || (change.whole && !change.row)) RETURN_IF_ERROR(Add(change, "D", "", std::nullopt));
    if (!change.row) return absl::OkStatus();
    const std::vector<std::uint32_t> columns = table.PlainColumns();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const sqlite::Value& value = (*change.row)[i];
      if (change.whole ? value.type == sqlite::Type::kNull : !change.columns.contains(columns[i])) continue;
      RETURN_IF_ERROR(
          Add(change, change.whole ? "I" : "U", table.plan.schema.columns[columns[i]].name, BoxText(value)));
    }
    return absl::OkStatus();
  }

  absl::Status End() {
    if (id_ == given_) return absl::OkStatus();
    absl::Status kept = sql_.Run(
        absl::StrCat("UPDATE ", sql_.Named("_mirror_datajoin"), " SET outbox_id = ?1 WHERE outbox_id <> ?1"),
        {id_});
    return kept.ok() ? sql_.KeepNumber(kOutboxTable, id_) : kept;
  }

 private:
  absl::Status Begin() {
    ASSIGN_OR_RETURN(const std::int64_t highest, HighestEntry(sql_, kOutboxTable));
    ASSIGN_OR_RETURN(const std::int64_t given,
                     sql_.Number(absl::StrCat("SELECT outbox_id FROM ", sql_.Named("_mirror_datajoin"))));
    // An id is never used again, even if the box was emptied.
    id_ = given_ = std::max(highest, given);
    return absl::OkStatus();
  }

  absl::Status Add(const ChangedForBox& change, const char* operation, const std::string& attribute,
                   std::optional<std::string> value) {
    BoxEntry entry;
    entry.object_database = entry.updated_by_server_id = database_;
    entry.object_table = change.table->name();
    entry.object_pk_attribute = BoxKeyNames(*change.table);
    entry.object_attribute = attribute;
    entry.object_id = BoxId(change.key);
    entry.object_value = std::move(value);
    entry.object_operation = operation;
    entry.update_ms = now_ms_;
    entry.note = kFilledNote;
    return AddEntry(sql_, kOutboxTable, ++id_, entry);
  }

  BoxSql& sql_;
  const std::string& database_;
  const std::int64_t now_ms_;
  std::int64_t id_ = 0;     ///< The last id assigned; 0: none yet.
  std::int64_t given_ = 0;  ///< The last id when this object began.
};

/// Row that an entry names, as the application wrote it.
struct Named {
  std::int64_t id = 0;
  std::string table, key;  ///< An empty table: the entry names no row, or table or key is too long.
};

class OutboxReader {
 public:
  explicit OutboxReader(BoxSource& source) : source_(source), sql_(source.sql()) {}

  absl::StatusOr<bool> Take() {
    RETURN_IF_ERROR(TakeUnread());
    absl::StatusOr<std::int64_t> taken =
        sql_.Number(absl::StrCat("SELECT outbox_id FROM ", sql_.Named("_mirror_datajoin")));
    if (!taken.ok()) return taken.status();
    ASSIGN_OR_RETURN(const std::int64_t highest, HighestEntry(sql_, kOutboxTable));
    // The outbox was emptied, and its ids start again.
    if (highest < *taken) taken = 0;
    ASSIGN_OR_RETURN(const std::vector<Named> entries, Read("", *taken, kTakenAtOnce));
    for (const Named& entry : entries) {
      ASSIGN_OR_RETURN(const bool noted, Note(entry));
      absl::Status kept = noted ? absl::OkStatus() : Remember(entry.id);
      if (!kept.ok()) return kept;
    }
    const std::int64_t last = entries.empty() ? *taken : entries.back().id;
    RETURN_IF_ERROR(sql_.Run(
        absl::StrCat("UPDATE ", sql_.Named("_mirror_datajoin"), " SET outbox_id = ?1 WHERE outbox_id <> ?1"),
        {last}));
    return last < highest;
  }

 private:
  /// `which`: a condition with a trailing AND.
  absl::StatusOr<std::vector<Named>> Read(const std::string& which, std::int64_t from, std::int64_t limit) {
    const std::string table = "CAST(object_table AS text)", key = "CAST(object_id AS text)";
    const auto bytes_of = sql_.dialect().bytes_of;
    // Longer texts stay in the database: a thousand of them would not fit into memory.
    const std::string names_row =
        absl::StrCat(bytes_of(table), " <= ", kNamedBytesMax, " AND ", bytes_of(key), " <= ", kNamedBytesMax);
    ASSIGN_OR_RETURN(
        const std::vector<BoxRow> rows,
        sql_.Query(absl::StrCat("SELECT CAST(id AS bigint), CASE WHEN ", names_row, " THEN ", table,
                                " END, CASE WHEN ", names_row, " THEN ", key, " END FROM ",
                                sql_.Named(kOutboxTable), " WHERE ", which, "id > ?1 ORDER BY id LIMIT ?2"),
                   {from, limit}));
    std::vector<Named> entries;
    for (const BoxRow& row : rows) {
      entries.push_back({BoxNumber(row[0]), BoxString(row[1]), BoxString(row[2])});
    }
    return entries;
  }

  /// Forgets unread entries that the application deleted, and tries the others again.
  absl::Status TakeUnread() {
    const std::string unread = sql_.Named("_mirror_datajoin_unread");
    RETURN_IF_ERROR(sql_.Run(absl::StrCat("DELETE FROM ", unread, " WHERE outbox_id NOT IN (SELECT id FROM ",
                                          sql_.Named(kOutboxTable), ")")));
    ASSIGN_OR_RETURN(const std::vector<Named> entries,
                     Read(absl::StrCat("id IN (SELECT outbox_id FROM ", unread, ") AND "), 0, kUnreadAtOnce));
    for (const Named& entry : entries) {
      ASSIGN_OR_RETURN(const bool noted, Note(entry));
      if (!noted) continue;
      RETURN_IF_ERROR(sql_.Run(absl::StrCat("DELETE FROM ", unread, " WHERE outbox_id = ?1"), {entry.id}));
    }
    return absl::OkStatus();
  }

  absl::Status Remember(std::int64_t id) {
    return sql_.Run(absl::StrCat("INSERT INTO ", sql_.Named("_mirror_datajoin_unread"),
                                 " (outbox_id) VALUES (?1) ON CONFLICT DO NOTHING"),
                    {id});
  }

  /// Makes the next push send the row that the entry names. False: it names no row that could be sent.
  absl::StatusOr<bool> Note(const Named& entry) {
    if (entry.table.empty()) return false;
    const std::pair named(FoldName(entry.table), entry.key);
    if (noted_.contains(named)) return true;
    const absl::StatusOr<bool> sent = source_.SendRow(entry.table, entry.key);
    if (sent.ok() && *sent) noted_.insert(named);
    return sent;
  }

  BoxSource& source_;
  BoxSql& sql_;
  std::set<std::pair<std::string, std::string>> noted_;  ///< Table and key.
};

}  // namespace

absl::StatusOr<bool> FillOutbox(BoxSource& source, const std::string& database, std::int64_t now_ms) {
  OutboxWriter outbox(source.sql(), database, now_ms);
  absl::StatusOr<bool> more = source.TakeChanges(
      kOutboxPiece, [&outbox](const ChangedForBox& change) { return outbox.Tell(change); });
  if (!more.ok()) return more;
  RETURN_IF_ERROR(outbox.End());
  return more;
}

absl::StatusOr<bool> TakeOutbox(BoxSource& source) { return OutboxReader(source).Take(); }

}  // namespace mirror
