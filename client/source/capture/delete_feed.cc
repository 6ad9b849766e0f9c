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
#include "base/folded_name.h"
#include "client/source/files/file_value.h"
#include "client/source/rows/block_digests.h"

namespace mirror {
namespace {

constexpr std::size_t kRowsAtATime = 20'000;
/// Entries that are not told again while some of the feed cannot be read.
constexpr std::size_t kToldMax = 1'000'000;

/// A value of the feed as a column of this type has it. Absent: it cannot be one.
std::optional<KeyPart> FitPart(KeyPart part, Type type) {
  const auto integer = [](std::int64_t value) { return KeyPart{Kind::kInteger, value, 0, ""}; };
  const auto real = [](double value) { return KeyPart{Kind::kReal, 0, value, ""}; };
  constexpr double kWholeMax = 9007199254740992;  // 2^53
  switch (type) {
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
    default:
      if (part.kind == Kind::kText) return part;
      if (part.kind == Kind::kInteger) return KeyPart{Kind::kText, 0, 0, absl::StrCat(part.integer)};
      return std::nullopt;
  }
}

/// The key as the table would have it. Absent: it is none.
std::optional<Key> FitKey(const Key& given, const TableSchema& schema,
                          const std::vector<std::uint32_t>& key) {
  Key fitting;
  for (std::size_t i = 0; i < key.size(); ++i) {
    std::optional<KeyPart> part = FitPart(given[i], schema.columns[key[i]].type);
    if (!part) return std::nullopt;
    fitting.push_back(*std::move(part));
  }
  return fitting;
}

/// Columns of a feed: those with the key, then the one that grows.
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

/// The entries of one look, so that none of them is told in the next one again.
class Entries {
 public:
  explicit Entries(KeyPart greatest) : greatest_(std::move(greatest)) {}

  /// The number of an entry; another one when the same comes twice, since a row can be deleted twice.
  std::uint64_t Add(const KeyPart& value, std::uint64_t digest) {
    if (greatest_ < value) {
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
  /// The entry is to be told again.
  void Withhold(std::uint64_t entry) {
    at_greatest_.erase(entry);
    all_.erase(entry);
  }
  const KeyPart& greatest() const { return greatest_; }
  std::set<std::uint64_t> TakeGreatest() { return std::move(at_greatest_); }
  std::set<std::uint64_t> TakeAll() { return std::move(all_); }

 private:
  KeyPart greatest_;
  std::set<std::uint64_t> at_greatest_, all_;  ///< Of all, the first kToldMax.
};

/// Takes values that nobody wants.
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

/// What a feed named of a table whose rows are of an earlier moment.
class LaterEntries {
 public:
  LaterEntries(const FedTable& of, CaptureLook& look, bool first) : of_(of), look_(look), first_(first) {
    const TableSchema& schema = of.table.schema;
    for (const std::uint32_t column : schema.Key()) key_.columns.push_back(schema.columns[column]);
  }

  /// Whether there are as many as are asked for at once.
  bool Add(Key key, std::uint64_t entry) {
    entries_[std::move(key)].push_back(entry);
    return entries_.size() >= of_.reader.KeysAtATime();
  }

  /// Notes what is not there. What is there, or cannot be read, is withheld.
  absl::Status Settle(Entries& entries) {
    if (entries_.empty()) return absl::OkStatus();
    std::vector<Key> keys;
    for (const auto& [key, of_key] : entries_) keys.push_back(key);
    const auto rows = of_.reader.RowsOf(of_.table.schema.name, of_.table.schema.Key(), std::move(keys));
    if (!rows.ok()) return rows.status();
    NoSink sink;
    for (bool last = false; !last;) {
      const absl::StatusOr<ChangePiece> piece = (*rows)->Next(BlockSize(), &sink);
      if (!piece.ok()) return piece.status();
      last = piece->last;
      for (const ChangeBlock& block : piece->blocks) {
        if (block.operation != Operation::kDelete) continue;
        BlockDigests gone(key_, block.rows, /*by_column=*/false);
        while (gone.Next()) {
          if (entries_.erase(gone.key()) == 0 || first_) continue;
          if (absl::Status fed = look_.Fed(gone.key()); !fed.ok()) return fed;
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
  TableSchema key_;  ///< As if the table had no other columns.
  std::map<Key, std::vector<std::uint64_t>> entries_;
  std::uint64_t withheld_ = 0;
};

}  // namespace

absl::Status TakeDeletes(const DeleteFeed& feed, SourceReader& feeds, const SourceSchema& feed_schema,
                         const FedTable& fed_table, const CaptureState::Table& table, CaptureLook& look,
                         std::vector<std::string>* notes) {
  const TableSchema& of = fed_table.table.schema;
  const auto wrong = [&](const std::string& why) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", of.name, "': its 'deletes_from', '", feed.table, "': ", why));
  };
  const absl::StatusOr<const SourceTable*> found = FindFeed(feed, feed_schema);
  if (!found.ok()) return wrong(std::string(found.status().message()));
  if (!(*found)->later.empty()) {
    notes->push_back((*found)->later);
    return absl::OkStatus();
  }
  const std::string& name = (*found)->schema.name;
  const std::vector<std::uint32_t> key = of.Key();
  if (key.size() != feed.key.size()) {
    return wrong(
        absl::StrCat("'key' names ", feed.key.size(), " columns, and the key of the table has ", key.size()));
  }
  const absl::StatusOr<std::vector<std::uint32_t>> columns = FindColumns(feed, (*found)->schema);
  if (!columns.ok()) return wrong(std::string(columns.status().message()));
  const std::uint32_t column = columns->back();
  const absl::StatusOr<SourceReader::ColumnFacts> facts = feeds.LookAtColumn(name, column);
  if (!facts.ok()) return facts.status();
  if (!facts->trouble.empty()) return wrong(absl::StrCat("column '", feed.column, "' ", facts->trouble));
  const KeyPart& greatest = facts->greatest;

  const std::string feed_id =
      absl::StrCat(feed.table, "\n", absl::StrJoin(feed.key, "\n"), "\n", feed.column);
  const bool first = table.looked_ms == 0;
  // Another feed, or one that begins anew: each of its entries is asked for.
  const bool anew = first || table.feed != feed_id || table.deletes_pointer.kind == Kind::kNull ||
                    greatest < table.deletes_pointer;
  if (greatest.kind == Kind::kNull) {
    look.SetFeed(KeyPart(), feed_id, (*found)->record, {});
    return absl::OkStatus();
  }
  const bool later = (*found)->written_ns > fed_table.table.written_ns;
  // Whatever was deleted before the first look is not sent at all.
  const KeyPart from = first && !later ? greatest : anew ? BeforeAll() : table.deletes_pointer;
  absl::StatusOr<std::set<std::uint64_t>> told = std::set<std::uint64_t>();
  if (!anew) told = look.FedAtPointer();
  if (!told.ok()) return told.status();
  const auto rows = feeds.ScanFrom(name, *columns, {column, from, *columns});
  if (!rows.ok()) return rows.status();
  Entries entries(from);
  LaterEntries later_entries(fed_table, look, first);
  std::uint64_t keyless = 0;
  bool unread = false;
  for (bool end = false; !end;) {
    const absl::StatusOr<DigestPiece> piece = (*rows)->Next(kRowsAtATime, /*each=*/true);
    if (!piece.ok()) return piece.status();
    end = piece->end;
    unread = unread || piece->partial || !piece->untold.empty();
    for (const auto& [given, digest] : piece->rows) {
      const KeyPart& value = given.back();
      const std::uint64_t entry = entries.Add(value, digest);
      if ((first && !later) || told->contains(entry)) continue;
      const std::optional<Key> fitting = FitKey(given, of, key);
      if (!fitting) {
        if (!first) ++keyless;
        continue;
      }
      if (later) {
        if (!later_entries.Add(*fitting, entry)) continue;
        if (absl::Status settled = later_entries.Settle(entries); !settled.ok()) return settled;
        continue;
      }
      if (absl::Status fed = look.Fed(*fitting); !fed.ok()) return fed;
    }
    notes->insert(notes->end(), piece->notes.begin(), piece->notes.end());
  }
  if (absl::Status settled = later_entries.Settle(entries); !settled.ok()) return settled;
  if (keyless > 0) {
    notes->push_back(absl::StrCat("'", feed.table, "': ", keyless, keyless == 1 ? " row names" : " rows name",
                                  " no key of table '", of.name, "', and deletes nothing"));
  }
  const std::uint64_t withheld = later_entries.withheld();
  if (withheld > 0) {
    notes->push_back(
        absl::StrCat("'", feed.table, "': ", withheld, withheld == 1 ? " row names a key" : " rows name keys",
                     " of table '", of.name,
                     "', whose file is older and still has it: deleted when a later file lacks it. "
                     "Drop the rows after the feed of their deletes"));
  }
  // What cannot be read now has to be met when it can; what was deleted before the first look need not be.
  if (withheld > 0 || (unread && !first)) {
    look.SetFeed(from, feed_id, (*found)->record, entries.TakeAll());
    return absl::OkStatus();
  }
  const KeyPart pointer = entries.greatest();
  look.SetFeed(pointer, feed_id, (*found)->record, entries.TakeGreatest());
  return absl::OkStatus();
}

}  // namespace mirror
