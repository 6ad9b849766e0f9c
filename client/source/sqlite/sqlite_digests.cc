#include "client/source/sqlite/sqlite_digests.h"

#include <sqlite3.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/row_digest.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/log/log_sql.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

/// Gives the digests of rows, one after the other, in the cursor's order.
class RowWalk {
 public:
  RowWalk(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
          const std::vector<std::uint32_t>& columns, SqliteCursor cursor, TableLooks looks)
      : file_(std::move(file)), columns_(columns), cursor_(std::move(cursor)), looks_(std::move(looks)) {
    for (const std::uint32_t column : schema.Key()) {
      key_at_.push_back(
          static_cast<std::size_t>(std::find(columns.begin(), columns.end(), column) - columns.begin()));
    }
  }

  const SqliteFile& file() const { return *file_; }
  SqliteCursor& cursor() { return cursor_; }

  /// Tracks the greatest value of a column; with `filter` skips rows outside the bound.
  void SetBound(const RowBound& bound, bool filter) {
    bound_at_ = static_cast<std::size_t>(std::find(columns_.begin(), columns_.end(), bound.column) -
                                         columns_.begin());
    if (filter) from_ = bound.from;
  }
  const KeyPart& greatest() const { return greatest_; }
  void DigestByColumn() { by_column_ = true; }
  /// The `by_column` (see DigestPiece) of the last row.
  const std::string& hashes() const { return hashes_; }

  /// Takes one look, or one row with long values. `take` gets each row's digest and, if the row is in one
  /// piece, its values. It returns false to stop. True: there are more rows.
  using Take = std::function<bool(std::uint64_t digest, sqlite3_value** values)>;
  absl::StatusOr<bool> Step(const Take& take) {
    RETURN_IF_ERROR(looks_.Begin());
    std::optional<SqliteCursor::Stop> stop;
    {
      const SourceLook look(*file_);
      const bool leaves = looks_.in_chunks() && cursor_.can_leave();
      std::size_t rows = 0;
      ASSIGN_OR_RETURN(stop, cursor_.Take([&](sqlite3_value** values) {
        bool more = true;
        if (IsWithin(values)) {
          hashes_.clear();
          for (std::size_t i = 0; i < columns_.size(); ++i) {
            sqlite::AddToDigest(values[i], &digest_);
            if (by_column_) EndColumn();
          }
          more = take(EndRow(), values);
        }
        return more && (!leaves || ++rows < looks_.rows());
      }));
      if (leaves) cursor_.Leave();
      if (stop == SqliteCursor::Stop::kEnd) {
        absl::Status end = looks_.CheckEnd();
        return end.ok() ? absl::StatusOr<bool>(false) : end;
      }
    }
    if (stop == SqliteCursor::Stop::kEnough) return true;
    hashes_.clear();
    for (const std::uint32_t column : columns_) {
      RETURN_IF_ERROR(AddHeavy(column));
      if (by_column_) EndColumn();
    }
    take(EndRow(), nullptr);
    return true;
  }

  /// Returns the key of the last given row.
  Key LastKey() const { return ToKey(cursor_.last()); }
  Key KeyOf(sqlite3_value** values) const {
    Key key;
    for (const std::size_t at : key_at_) {
      sqlite::Value value;
      value.Keep(values[at]);
      key.push_back(ToKeyPart(value));
    }
    return key;
  }
  const std::vector<std::size_t>& key_at() const { return key_at_; }
  /// Returns the key of the last given row with long values.
  absl::StatusOr<std::vector<sqlite::Value>> HeavyKey() {
    std::vector<sqlite::Value> key;
    RETURN_IF_ERROR(file_->BeginLook());
    const SourceLook look(*file_);
    for (const std::uint32_t column : cursor_.plan().schema.Key()) {
      ASSIGN_OR_RETURN(const bool light, cursor_.HeavyValue(column, [&](sqlite3_value* value) {
        key.emplace_back().Keep(value);
        return absl::OkStatus();
      }));
      if (!light) return absl::InvalidArgumentError("a key value is too long for any mirror");
    }
    return key;
  }

 private:
  void EndColumn() {
    const std::uint64_t hash = digest_.Finish();
    hashes_.append(reinterpret_cast<const char*>(&hash), sizeof hash);
  }
  std::uint64_t EndRow() {
    if (by_column_) digest_.AddBytes(hashes_);
    return digest_.Finish();
  }

  bool IsWithin(sqlite3_value** values) {
    if (!bound_at_) return true;
    sqlite::Value value;
    value.Keep(values[*bound_at_]);
    KeyPart part = ToKeyPart(value);
    if (part.kind == Kind::kNull || (from_ && part < *from_)) return false;
    if (greatest_.kind == Kind::kNull || greatest_ < part) greatest_ = std::move(part);
    return true;
  }

  absl::Status AddHeavy(std::uint32_t column) {
    SqliteCursor::Heavy heavy;
    {
      RETURN_IF_ERROR(looks_.Begin());
      const SourceLook look(*file_);
      ASSIGN_OR_RETURN(const bool light, cursor_.HeavyValue(column, [&](sqlite3_value* value) {
        sqlite::AddToDigest(value, &digest_);
        return absl::OkStatus();
      }));
      if (light) return absl::OkStatus();
      ASSIGN_OR_RETURN(heavy, cursor_.HeavySize(column));
    }
    if (heavy.text) {
      digest_.BeginText(heavy.size);
    } else {
      digest_.BeginBytes(heavy.size);
    }
    for (std::uint64_t at = 0; at < heavy.size; at += kPartBytesMax) {
      RETURN_IF_ERROR(looks_.Begin());
      const SourceLook look(*file_);
      ASSIGN_OR_RETURN(
          const auto piece,
          cursor_.HeavyPiece(column, at, std::min<std::uint64_t>(kPartBytesMax, heavy.size - at)));
      digest_.AddPiece(piece);
    }
    return absl::OkStatus();
  }

  std::shared_ptr<const SqliteFile> file_;
  const std::vector<std::uint32_t> columns_;
  std::vector<std::size_t> key_at_;  ///< For each key column, its place in `columns_`.
  std::optional<std::size_t> bound_at_;
  std::optional<KeyPart> from_;
  KeyPart greatest_;
  SqliteCursor cursor_;
  TableLooks looks_;
  RowDigest digest_;
  bool by_column_ = false;
  std::string hashes_;
};

class OrderedDigests : public DigestReader {
 public:
  explicit OrderedDigests(std::unique_ptr<RowWalk> walk) : walk_(std::move(walk)) {}

  absl::StatusOr<DigestPiece> Next(std::size_t rows, bool each) override {
    DigestPiece piece;
    const bool keyed = !walk_->key_at().empty();
    while (!piece.end && piece.digest.rows < rows) {
      ASSIGN_OR_RETURN(const bool more, walk_->Step([&](std::uint64_t digest, sqlite3_value** values) {
        if (keyed && (each || piece.digest.rows == 0)) {
          Key key = values == nullptr ? walk_->LastKey() : walk_->KeyOf(values);
          if (piece.digest.rows == 0) piece.first = key;
          if (each) piece.rows.emplace_back(std::move(key), digest);
        }
        piece.digest.Add(digest);
        return piece.digest.rows < rows;
      }));
      piece.end = !more;
    }
    if (keyed && piece.digest.rows > 0) piece.last = walk_->LastKey();
    return piece;
  }

  absl::Status Seek(const Key& key) override {
    walk_->cursor().StartBehind(FromKey(key));
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<RowWalk> walk_;
};

/// Gives digests of rows in any order. Each row's key is taken from its values.
class UnorderedDigests : public DigestReader {
 public:
  UnorderedDigests(std::unique_ptr<RowWalk> walk, bool by_column)
      : walk_(std::move(walk)), by_column_(by_column) {}

  absl::StatusOr<DigestPiece> Next(std::size_t rows, bool each) override {
    DigestPiece piece;
    while (!piece.end && piece.digest.rows < rows) {
      bool heavy = false;
      ASSIGN_OR_RETURN(const bool more, walk_->Step([&](std::uint64_t digest, sqlite3_value** values) {
        piece.digest.Add(digest);
        heavy = each && values == nullptr;
        if (each) piece.rows.emplace_back(heavy ? Key{} : walk_->KeyOf(values), digest);
        if (each && by_column_) piece.by_column.push_back(walk_->hashes());
        return piece.digest.rows < rows;
      }));
      if (heavy) {
        ASSIGN_OR_RETURN(std::vector<sqlite::Value> key, walk_->HeavyKey());
        piece.rows.back().first = ToKey(key);
      }
      piece.end = !more;
    }
    piece.greatest = walk_->greatest();
    return piece;
  }

  absl::Status Seek(const Key& /*key*/) override {
    return absl::UnimplementedError("the rows do not come in the order of their keys");
  }

 private:
  std::unique_ptr<RowWalk> walk_;
  const bool by_column_;
};

class SortedDigests : public DigestReader {
 public:
  explicit SortedDigests(std::unique_ptr<RowWalk> walk) : walk_(std::move(walk)), file_(walk_->file()) {}
  ~SortedDigests() override { (void)file_.Run("DROP TABLE IF EXISTS temp._mirror_digests"); }

  absl::StatusOr<DigestPiece> Next(std::size_t rows, bool each) override {
    RETURN_IF_ERROR(Sort());
    const std::size_t count = walk_->key_at().size();
    const std::string key = KeyNames(count);
    const std::string behind =
        behind_.empty() ? "" : absl::StrCat(" WHERE (", key, ") > (", Places(count), ")");
    ASSIGN_OR_RETURN(sqlite::Statement select,
                     file_.Prepare(absl::StrCat("SELECT ", key, ", digest FROM temp._mirror_digests", behind,
                                                " ORDER BY ", key, " LIMIT ", rows)));
    select.SetDoing(kDoing);
    for (std::size_t i = 0; i < behind_.size(); ++i) select.Bind(static_cast<int>(i + 1), behind_[i]);
    DigestPiece piece;
    RETURN_IF_ERROR(ForEachRow(select, [&] {
      behind_.resize(count);
      for (std::size_t i = 0; i < count; ++i) behind_[i].Keep(select.RawValue(static_cast<int>(i)));
      if (piece.digest.rows == 0) piece.first = ToKey(behind_);
      const auto digest = static_cast<std::uint64_t>(select.Int(static_cast<int>(count)));
      piece.digest.Add(digest);
      if (each) piece.rows.emplace_back(ToKey(behind_), digest);
    }));
    if (piece.digest.rows > 0) piece.last = ToKey(behind_);
    piece.end = piece.digest.rows < rows;
    return piece;
  }

  absl::Status Seek(const Key& key) override {
    behind_ = FromKey(key);
    return absl::OkStatus();
  }

 private:
  absl::Status Sort() {
    if (std::exchange(sorted_, true)) return absl::OkStatus();
    const std::size_t count = walk_->key_at().size();
    const std::string key = KeyNames(count);
    RETURN_IF_ERROR(file_.Run(
        absl::StrCat("DROP TABLE IF EXISTS temp._mirror_digests; CREATE TEMP TABLE _mirror_digests (", key,
                     ", digest, PRIMARY KEY (", key, ")) WITHOUT ROWID")));
    // If a row moved forward while the table was read, it comes twice.
    ASSIGN_OR_RETURN(sqlite::Statement insert,
                     file_.Prepare(absl::StrCat("INSERT OR REPLACE INTO temp._mirror_digests VALUES (",
                                                Places(count + 1), ")")));
    insert.SetDoing(kDoing);
    // Only keys and digests are buffered; they are inserted after each look.
    std::vector<std::pair<std::vector<sqlite::Value>, std::uint64_t>> rows;
    for (bool more = true; more;) {
      rows.clear();
      bool heavy = false;
      ASSIGN_OR_RETURN(const bool step, walk_->Step([&](std::uint64_t digest, sqlite3_value** values) {
        heavy = values == nullptr;
        std::vector<sqlite::Value> of_row(walk_->key_at().size());
        for (std::size_t i = 0; !heavy && i < of_row.size(); ++i) {
          of_row[i].Keep(values[walk_->key_at()[i]]);
        }
        rows.emplace_back(std::move(of_row), digest);
        return rows.size() < kRowsAtATime;
      }));
      if (heavy) {
        ASSIGN_OR_RETURN(std::vector<sqlite::Value> of_heavy, walk_->HeavyKey());
        rows.back().first = std::move(of_heavy);
      }
      more = step;
      for (const auto& [of_row, digest] : rows) {
        RETURN_IF_ERROR(Insert(insert, of_row, digest));
      }
    }
    return absl::OkStatus();
  }

  static absl::Status Insert(sqlite::Statement& insert, const std::vector<sqlite::Value>& key,
                             std::uint64_t digest) {
    int place = 0;
    for (const sqlite::Value& part : key) insert.Bind(++place, part);
    return insert.Bind(++place, digest).Run();
  }

  static constexpr char kDoing[] = "putting its digests in order";
  static constexpr std::size_t kRowsAtATime = 10'000;
  std::unique_ptr<RowWalk> walk_;
  const SqliteFile& file_;
  bool sorted_ = false;
  std::vector<sqlite::Value> behind_;
};

}  // namespace

bool HasMirrorOrder(const SourcePlan& plan, const TableSchema& schema) {
  const std::vector<std::uint32_t> key = schema.Key();
  if (plan.key_order.size() != key.size()) return false;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const OrderTerm& term = plan.key_order[i];
    if (term.descending || term.column != static_cast<int>(key[i])) return false;
  }
  return true;
}

std::unique_ptr<DigestReader> ReadDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks) {
  return std::make_unique<OrderedDigests>(
      std::make_unique<RowWalk>(std::move(file), schema, columns, std::move(cursor), std::move(looks)));
}

std::unique_ptr<DigestReader> ScanDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks, ScanRule rule) {
  auto walk =
      std::make_unique<RowWalk>(std::move(file), schema, columns, std::move(cursor), std::move(looks));
  if (rule.bound) walk->SetBound(*rule.bound, rule.filter);
  if (rule.by_column) walk->DigestByColumn();
  return std::make_unique<UnorderedDigests>(std::move(walk), rule.by_column);
}

std::unique_ptr<DigestReader> SortDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks) {
  return std::make_unique<SortedDigests>(
      std::make_unique<RowWalk>(std::move(file), schema, columns, std::move(cursor), std::move(looks)));
}

}  // namespace mirror
