#include "client/source/capture/delete_feed.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "client/source/capture/shown_value.h"
#include "client/source/files/rows/file_rows.h"
#include "client/source/sqlite/log/block_digests.h"
#include "proto/wire/text_form.h"
#include "proto/wire/value_rules.h"

namespace mirror {
namespace {

constexpr std::size_t kRowsAtATime = 20'000;
/// Maximum number of entries that are remembered as reported while a part of the feed cannot be read.
constexpr std::size_t kToldMax = 1'000'000;

/// Converts a value of the feed to a column's type. Absent: this is not possible.
std::optional<KeyPart> FitPart(KeyPart part, const Column& column) {
  const auto integer = [](std::int64_t value) { return KeyPart{Kind::kInteger, value, 0, ""}; };
  const auto real = [](double value) { return KeyPart{Kind::kReal, 0, value, ""}; };
  constexpr double kWholeMax = 9007199254740992;  // 2^53
  switch (column.type) {
    case Type::kBool:
    case Type::kInt16:
    case Type::kInt32:
    case Type::kInt64:
      if (part.kind == Kind::kInteger) return part;
      if (part.kind == Kind::kReal && std::abs(part.real) <= kWholeMax && part.real == std::floor(part.real))
        return integer(static_cast<std::int64_t>(part.real));
      if (const auto read = part.kind == Kind::kText ? ReadDeclaredInteger(part.bytes) : std::nullopt)
        return integer(*read);
      return std::nullopt;
    case Type::kFloat:
    case Type::kDouble:
      if (part.kind == Kind::kReal) return part;
      if (part.kind == Kind::kInteger) return real(static_cast<double>(part.integer));
      if (const auto read = part.kind == Kind::kText ? ReadDeclaredReal(part.bytes) : std::nullopt)
        return real(*read);
      return std::nullopt;
    case Type::kAny:
      return part.kind == Kind::kNull ? std::nullopt : std::optional(part);
    case Type::kBytes:
      return part.kind == Kind::kBlob ? std::optional(part) : std::nullopt;
    case Type::kUuid:
      if (part.kind == Kind::kBlob && part.bytes.size() == 16) return part;
      if (auto read = part.kind == Kind::kText ? ParseUuid(part.bytes) : std::nullopt)
        return KeyPart{Kind::kBlob, 0, 0, *std::move(read)};
      return std::nullopt;
    case Type::kDate:
    case Type::kTime:
    case Type::kTimestamp:
    case Type::kTimestampTz:
      if (part.kind == Kind::kInteger && IntRuleOf(column).Holds(part.integer)) return part;
      if (const auto read = part.kind == Kind::kText ? ParseTextForm(column, part.bytes) : std::nullopt)
        return integer(*read);
      return std::nullopt;
    default:
      if (part.kind == Kind::kText) return part;
      if (part.kind == Kind::kInteger) return KeyPart{Kind::kText, 0, 0, absl::StrCat(part.integer)};
      return std::nullopt;
  }
}

/// Converts a key to the form of the table's key. Absent: this is not possible.
std::optional<Key> FitKey(const Key& given, const TableSchema& schema,
                          const std::vector<std::uint32_t>& key) {
  Key fitting;
  for (std::size_t i = 0; i < key.size(); ++i) {
    std::optional<KeyPart> part = FitPart(given[i], schema.columns[key[i]]);
    if (!part) return std::nullopt;
    fitting.push_back(*std::move(part));
  }
  return fitting;
}

/// Returns the columns of a feed: the key columns, then the growing column.
absl::StatusOr<std::vector<std::uint32_t>> FindColumns(const DeleteFeed& feed, const TableSchema& schema) {
  std::vector<std::string> names = feed.key;
  names.push_back(feed.column);
  std::vector<std::uint32_t> columns;
  for (const std::string& name : names) {
    const std::optional<std::uint32_t> column = schema.Find(name);
    if (!column) return absl::InvalidArgumentError(absl::StrCat("it has no column '", name, "'"));
    if (std::find(columns.begin(), columns.end(), *column) != columns.end())
      return absl::InvalidArgumentError(absl::StrCat("column '", name, "' is named twice"));
    columns.push_back(*column);
  }
  return columns;
}

absl::StatusOr<const SourceTable*> FindFeed(const DeleteFeed& feed, const SourceSchema& schema) {
  for (const RefusedTable& refused : schema.refused) {
    if (SameName(refused.name, feed.table)) return absl::InvalidArgumentError(refused.reason);
  }
  for (const SourceTable& table : schema.tables) {
    if (!SameName(table.schema.name, feed.table)) continue;
    if (!table.problem.empty()) return absl::InvalidArgumentError(table.problem);
    return &table;
  }
  return absl::InvalidArgumentError("the source has no such table");
}

absl::Status WrongFeed(const DeleteFeed& feed, const std::string& table, absl::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("table '", table, "': its 'deletes_from', '", feed.table, "': ", why));
}

/// Entries that one look takes, so that the next look does not report them again.
class Entries {
 public:
  /// `column`: the growing one; must outlive this. Its values are in shown form.
  Entries(const Column& column, KeyPart greatest) : column_(column), greatest_(std::move(greatest)) {}

  /// Adds an entry and returns its number. A repeated entry gets another number, since a row can be deleted
  /// twice.
  std::uint64_t Add(const KeyPart& value, std::uint64_t digest) {
    if (IsBelow(column_, greatest_, value)) {
      at_greatest_.clear();
      greatest_ = value;
    }
    const bool ties = value == greatest_;
    const auto taken = [&] { return all_.contains(digest) || (ties && at_greatest_.contains(digest)); };
    while (taken()) digest = XXH3_64bits(&digest, sizeof digest);
    if (ties) at_greatest_.insert(digest);
    if (all_.size() < kToldMax) all_.insert(digest);
    return digest;
  }
  /// Lets the next look report the entry again.
  void Withhold(std::uint64_t entry) {
    at_greatest_.erase(entry);
    all_.erase(entry);
  }
  const KeyPart& greatest() const { return greatest_; }
  std::set<std::uint64_t> TakeGreatest() { return std::move(at_greatest_); }
  std::set<std::uint64_t> TakeAll() { return std::move(all_); }

 private:
  const Column& column_;
  KeyPart greatest_;
  std::set<std::uint64_t> at_greatest_, all_;  ///< `all_`: at most kToldMax entries.
};

/// Discards all values.
class NoSink : public LargeSink {
 public:
  std::uint64_t NewValue() override { return ++value_; }
  absl::Status Part(std::uint32_t /*column*/, std::uint64_t /*value_id*/, std::uint64_t /*offset*/,
                    std::string_view /*data*/) override {
    return absl::OkStatus();
  }

 private:
  std::uint64_t value_ = 0;
};

/// Entries of a feed that is newer than the table's rows.
class LaterEntries {
 public:
  LaterEntries(const FedTable& of, CaptureLook& look, bool first) : of_(of), look_(look), first_(first) {
    const TableSchema& schema = of.table.schema;
    for (const std::uint32_t column : schema.Key()) key_.columns.push_back(schema.columns[column]);
  }

  /// Adds an entry. True: there are enough keys for one request, so call Settle().
  bool Add(Key key, std::uint64_t entry) {
    entries_[std::move(key)].push_back(entry);
    return entries_.size() >= of_.reader.KeysAtATime();
  }

  /// Notes the keys that have no row. Keys that have a row, or an unreadable one, are withheld.
  absl::Status Settle(Entries& entries) {
    if (entries_.empty()) return absl::OkStatus();
    std::vector<Key> keys;
    for (const auto& [key, of_key] : entries_) keys.push_back(key);
    ASSIGN_OR_RETURN(const auto rows,
                     of_.reader.RowsOf(of_.table.schema.name, of_.table.schema.Key(), std::move(keys)));
    NoSink sink;
    for (bool last = false; !last;) {
      ASSIGN_OR_RETURN(const ChangePiece piece, rows->Next(BlockSize(), &sink));
      last = piece.last;
      for (const ChangeBlock& block : piece.blocks) {
        if (block.operation != Operation::kDelete) continue;
        BlockDigests gone(key_, block.rows, /*by_column=*/false);
        while (gone.Next()) {
          if (entries_.erase(gone.key()) == 0 || first_) continue;
          RETURN_IF_ERROR(look_.Fed(gone.key()));
        }
      }
    }
    for (const auto& [key, of_key] : entries_) {
      ++withheld_;
      for (const std::uint64_t entry : of_key) entries.Withhold(entry);
    }
    entries_.clear();
    return absl::OkStatus();
  }

  std::uint64_t withheld() const { return withheld_; }

 private:
  const FedTable& of_;
  CaptureLook& look_;
  const bool first_;
  TableSchema key_;  ///< Has only the table's key columns.
  std::map<Key, std::vector<std::uint64_t>> entries_;
  std::uint64_t withheld_ = 0;
};

/// One look at a feed for one table.
class FeedLook {
 public:
  FeedLook(const DeleteFeed& feed, SourceReader& reader, const SourceTable& source, const FedTable& fed_table,
           const CaptureState::Table& table, CaptureLook& look, std::vector<std::string>* notes)
      : feed_(feed),
        reader_(reader),
        source_(source),
        schema_(fed_table.table.schema),
        key_(schema_.Key()),
        table_(table),
        look_(look),
        notes_(notes),
        first_(table.looked_ms == 0),
        later_(source.written_ns > fed_table.table.written_ns),
        later_entries_(fed_table, look, first_) {}

  absl::Status Take() {
    RETURN_IF_ERROR(FindWhere());
    const std::string id =
        absl::StrCat(feed_.table, "\n", absl::StrJoin(feed_.key, "\n"), "\n", feed_.column);
    if (greatest_.kind == Kind::kNull) {
      look_.SetFeed(KeyPart(), id, source_.record, {});
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(FindFrom(id));
    Entries entries(Growing(), from_);
    RETURN_IF_ERROR(ReadEntries(entries));
    NoteRows();
    // Entries that cannot be read now must be met later. For rows deleted before the first look that is not
    // needed.
    if (later_entries_.withheld() > 0 || (unread_ && !first_)) {
      look_.SetFeed(from_, id, source_.record, entries.TakeAll());
      return absl::OkStatus();
    }
    const KeyPart pointer = entries.greatest();
    look_.SetFeed(pointer, id, source_.record, entries.TakeGreatest());
    return absl::OkStatus();
  }

 private:
  /// Returns the growing column.
  const Column& Growing() const { return source_.schema.columns[columns_.back()]; }
  absl::Status Wrong(absl::string_view why) const { return WrongFeed(feed_, schema_.name, why); }

  /// Finds the columns to read, and the greatest value of the growing column.
  absl::Status FindWhere() {
    if (key_.size() != feed_.key.size()) {
      return Wrong(absl::StrCat("'key' names ", feed_.key.size(), " columns, and the key of the table has ",
                                key_.size()));
    }
    absl::StatusOr<std::vector<std::uint32_t>> columns = FindColumns(feed_, source_.schema);
    if (!columns.ok()) return Wrong(columns.status().message());
    columns_ = *std::move(columns);
    ASSIGN_OR_RETURN(SourceReader::ColumnFacts facts,
                     reader_.LookAtColumn(source_.schema.name, columns_.back()));
    if (!facts.trouble.empty()) {
      return Wrong(absl::StrCat("column '", feed_.column, "' ", facts.trouble));
    }
    greatest_ = ShownValue(Growing(), std::move(facts.greatest));
    return absl::OkStatus();
  }

  /// Decides where reading starts, and which entries were reported before.
  absl::Status FindFrom(const std::string& id) {
    // If the feed is another one, or was restarted, all its entries count.
    const bool anew = first_ || table_.feed != id || table_.deletes_pointer.kind == Kind::kNull ||
                      IsBelow(Growing(), greatest_, table_.deletes_pointer);
    // Rows deleted before the first look are never sent.
    from_ = first_ && !later_ ? greatest_ : anew ? BeforeAll() : table_.deletes_pointer;
    if (anew) return absl::OkStatus();
    ASSIGN_OR_RETURN(told_, look_.FedAtPointer());
    return absl::OkStatus();
  }

  absl::Status ReadEntries(Entries& entries) {
    absl::StatusOr<KeyPart> from = GivenValue(Growing(), from_);
    if (!from.ok()) {
      return Wrong(absl::StrCat("the value from which it is read on is ", from.status().message(),
                                ": set a valid one with 'mirror-agent pointers --deletes --set'"));
    }
    ASSIGN_OR_RETURN(const auto rows, reader_.ScanFrom(source_.schema.name, columns_,
                                                       {columns_.back(), *std::move(from), columns_}));
    for (bool end = false; !end;) {
      const absl::StatusOr<DigestPiece> piece = rows->Next(kRowsAtATime, /*each=*/true);
      if (!piece.ok()) return piece.status();
      end = piece->end;
      unread_ = unread_ || piece->partial || !piece->untold.empty();
      for (const auto& [given, digest] : piece->rows) {
        const std::uint64_t entry = entries.Add(ShownValue(Growing(), given.back()), digest);
        RETURN_IF_ERROR(TakeEntry(given, entry, entries));
      }
      notes_->insert(notes_->end(), piece->notes.begin(), piece->notes.end());
    }
    return later_entries_.Settle(entries);
  }

  absl::Status TakeEntry(const Key& given, std::uint64_t entry, Entries& entries) {
    if ((first_ && !later_) || told_.contains(entry)) return absl::OkStatus();
    const std::optional<Key> fitting = FitKey(given, schema_, key_);
    if (!fitting) {
      if (!first_) ++keyless_;
      return absl::OkStatus();
    }
    if (!later_) return look_.Fed(*fitting);
    return later_entries_.Add(*fitting, entry) ? later_entries_.Settle(entries) : absl::OkStatus();
  }

  void NoteRows() const {
    if (keyless_ > 0) {
      notes_->push_back(absl::StrCat("'", feed_.table, "': ", Counted(keyless_, "row"),
                                     keyless_ == 1 ? " names" : " name", " no key of table '", schema_.name,
                                     "', so nothing is deleted for it"));
    }
    const std::uint64_t withheld = later_entries_.withheld();
    if (withheld == 0) return;
    notes_->push_back(absl::StrCat("'", feed_.table, "': ", Counted(withheld, "row"),
                                   withheld == 1 ? " names a key" : " name keys", " of table '", schema_.name,
                                   "', and the older file of that table still has such rows: they are "
                                   "deleted when a newer file lacks them. Put the file of rows into the "
                                   "folder after the feed of its deletes"));
  }

  const DeleteFeed& feed_;
  SourceReader& reader_;
  const SourceTable& source_;  ///< The feed.
  const TableSchema& schema_;  ///< Schema of the table whose rows are deleted.
  const std::vector<std::uint32_t> key_;
  const CaptureState::Table& table_;
  CaptureLook& look_;
  std::vector<std::string>* const notes_;
  const bool first_;  ///< The table had no look yet.
  const bool later_;  ///< The feed is newer than the table's rows.
  LaterEntries later_entries_;

  std::vector<std::uint32_t> columns_;  ///< The key columns, then the growing one.
  KeyPart greatest_;  ///< Greatest value of the growing column, in shown form; kNull: there is no entry.
  KeyPart from_;
  std::set<std::uint64_t> told_;  ///< Entries at `from_` that the last look reported.
  std::uint64_t keyless_ = 0;
  bool unread_ = false;  ///< Some entries cannot be read.
};

}  // namespace

absl::Status TakeDeletes(const DeleteFeed& feed, SourceReader& feeds, const SourceSchema& feed_schema,
                         const FedTable& fed_table, const CaptureState::Table& table, CaptureLook& look,
                         std::vector<std::string>* notes) {
  const absl::StatusOr<const SourceTable*> found = FindFeed(feed, feed_schema);
  if (!found.ok()) return WrongFeed(feed, fed_table.table.schema.name, found.status().message());
  const SourceTable& source = **found;
  if (!source.later.empty()) {
    notes->push_back(source.later);
    return absl::OkStatus();
  }
  return FeedLook(feed, feeds, source, fed_table, table, look, notes).Take();
}

}  // namespace mirror
