#include "client/source/delete_feed.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/source/file_value.h"

namespace mirror {
namespace {

constexpr std::size_t kRowsAtATime = 20'000;

/// The key as the table would have it: files hold what is a number here as a text there. Absent: it is
/// none.
std::optional<Key> FitKey(Key given, const TableSchema& schema, const std::vector<std::uint32_t>& key) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    KeyPart& part = given[i];
    const Type type = schema.columns[key[i]].type;
    if (part.kind == Kind::kNull) return std::nullopt;
    if (type == Type::kText && part.kind == Kind::kInteger) {
      part = KeyPart{Kind::kText, 0, 0, absl::StrCat(part.integer)};
    } else if (type == Type::kInt64 && part.kind == Kind::kText) {
      const std::optional<std::int64_t> integer = ReadDeclaredInteger(part.bytes);
      if (!integer) return std::nullopt;
      part = KeyPart{Kind::kInteger, *integer, 0, ""};
    }
  }
  return given;
}

}  // namespace

absl::Status TakeDeletes(const DeleteFeed& feed, SourceReader& feeds, const SourceSchema& feed_schema,
                         const TableSchema& of, const CaptureState::Table& table, CaptureLook& look,
                         std::vector<std::string>* notes) {
  const auto wrong = [&](std::string_view why) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", of.name, "': its 'deletes_from', '", feed.table, "': ", std::string(why)));
  };
  for (const RefusedTable& refused : feed_schema.refused) {
    if (SameName(refused.name, feed.table)) return wrong(refused.reason);
  }
  const auto found =
      std::find_if(feed_schema.tables.begin(), feed_schema.tables.end(),
                   [&](const SourceTable& one) { return SameName(one.schema.name, feed.table); });
  if (found == feed_schema.tables.end()) return wrong("the source has no such table");
  if (!found->problem.empty()) return wrong(found->problem);
  if (!found->later.empty()) {
    notes->push_back(found->later);
    return absl::OkStatus();
  }
  const std::vector<std::uint32_t> key = of.Key();
  if (key.size() != feed.key.size()) {
    return wrong(
        absl::StrCat("'key' names ", feed.key.size(), " columns, and the key of the table has ", key.size()));
  }
  RowBound bound;
  std::vector<std::uint32_t> columns;
  for (const std::string& name : feed.key) {
    const std::optional<std::uint32_t> column = found->schema.Find(name);
    if (!column) return wrong(absl::StrCat("it has no column '", name, "'"));
    bound.key.push_back(*column);
  }
  columns = bound.key;
  const std::optional<std::uint32_t> column = found->schema.Find(feed.column);
  if (!column) return wrong(absl::StrCat("it has no column '", feed.column, "'"));
  bound.column = *column;
  if (std::find(columns.begin(), columns.end(), *column) == columns.end()) columns.push_back(*column);

  bound.from = table.deletes_pointer;
  // Whatever was deleted before the first look is not sent at all.
  const bool first = table.looked_ms == 0;
  if (bound.from.kind == Kind::kNull) {
    bound.from = KeyPart{Kind::kInteger, INT64_MIN, 0, ""};
    if (first) {
      const absl::StatusOr<SourceReader::ColumnFacts> facts = feeds.LookAtColumn(feed.table, *column);
      if (!facts.ok()) return facts.status();
      if (facts->greatest.kind == Kind::kNull) return absl::OkStatus();
      bound.from = facts->greatest;
    }
  }
  const auto rows = feeds.ScanFrom(feed.table, columns, bound);
  if (!rows.ok()) return rows.status();
  KeyPart greatest = bound.from;
  std::uint64_t keyless = 0;
  for (bool end = false; !end;) {
    const absl::StatusOr<DigestPiece> piece = (*rows)->Next(kRowsAtATime, /*each=*/true);
    if (!piece.ok()) return piece.status();
    end = piece->end;
    for (const auto& [given, digest] : piece->rows) {
      const std::optional<Key> fitting = FitKey(given, of, key);
      if (!fitting) {
        ++keyless;
        continue;
      }
      if (absl::Status fed = look.Fed(*fitting, digest, !first); !fed.ok()) return fed;
    }
    if (piece->greatest.kind != Kind::kNull && greatest < piece->greatest) greatest = piece->greatest;
    notes->insert(notes->end(), piece->notes.begin(), piece->notes.end());
  }
  if (keyless > 0) {
    notes->push_back(absl::StrCat("'", feed.table, "': ", keyless, keyless == 1 ? " row names" : " rows name",
                                  " no key of table '", of.name, "', and deletes nothing"));
  }
  look.SetDeletesPointer(std::move(greatest));
  return absl::OkStatus();
}

}  // namespace mirror
