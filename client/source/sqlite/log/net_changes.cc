#include "client/source/sqlite/log/net_changes.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/sqlite/value.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/file/sqlite_row.h"
#include "client/source/sqlite/log/log_sql.h"
#include "client/source/sqlite/log/log_tables.h"

namespace mirror {
namespace {

/// The keys in a log, each once, with all their changed columns: entries are copied into a temporary table
/// and grouped by key there. Memory: SQLite's; the tables spill to a file. Threads: one.
class ChangedKeys {
 public:
  /// `key`: indexes of the table's columns, in the key's order. `file` and `log` must outlive this.
  ChangedKeys(const SqliteFile& file, const TableLog& log, std::vector<std::uint32_t> key)
      : file_(file), log_(log), key_(std::move(key)) {}
  ~ChangedKeys();

  /// Discards earlier keys.
  absl::Status Begin();
  /// Copies the entries after `from` up to `until`, and returns their number. Reads the source.
  /// kOutOfRange: a key is longer than a value may be.
  absl::StatusOr<std::int64_t> Copy(std::int64_t from, std::int64_t until);
  /// Adds keys that count as changed.
  absl::Status Add(const std::vector<Key>& keys);
  /// Call it after all of them. Only uses the temporary database.
  absl::Status Group();

  /// Number of keys, which count from 1 in their order. Keys equal except for their type are adjacent.
  std::int64_t rows() const { return rows_; }
  /// Reads from key number ?1 on: the key's columns, the masks, whether a row of it was certainly deleted,
  /// and whether the key equals the one before except for its type.
  absl::StatusOr<sqlite::Statement> Read() const;
  /// Masks of a key: 62 columns each, with a bit for each changed column. First mask NULL: all changed.
  std::size_t MaskCount() const { return MaskColumns(log_.columns.size()); }
  /// The temporary table with the columns k0, k1, ..., m0, m1, ..., ended, same.
  static constexpr char kTable[] = "temp._mirror_net";

 private:
  std::int64_t AddedBits(std::size_t mask) const;

  const SqliteFile& file_;
  const TableLog& log_;
  const std::vector<std::uint32_t> key_;
  std::string copy_;
  std::int64_t rows_ = 0;
};

/// OR of masks; a NULL mask means all columns.
struct Mask {
  std::int64_t bits;
  int all;
};

void OrStep(sqlite3_context* context, int, sqlite3_value** values) {
  auto* mask = static_cast<Mask*>(sqlite3_aggregate_context(context, sizeof(Mask)));
  if (mask == nullptr) return;
  if (sqlite3_value_type(values[0]) == SQLITE_NULL) mask->all = 1;
  mask->bits |= sqlite3_value_int64(values[0]);
}

void OrFinal(sqlite3_context* context) {
  const auto* mask = static_cast<const Mask*>(sqlite3_aggregate_context(context, 0));
  if (mask == nullptr || mask->all != 0) return sqlite3_result_null(context);
  sqlite3_result_int64(context, mask->bits);
}

ChangedKeys::~ChangedKeys() {
  (void)file_.Run("DROP TABLE IF EXISTS temp._mirror_raw; DROP TABLE IF EXISTS temp._mirror_net");
}

absl::Status ChangedKeys::Begin() {
  if (sqlite3_create_function_v2(file_.handle(), "mirror_or", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, nullptr,
                                 nullptr, &OrStep, &OrFinal, nullptr) != SQLITE_OK) {
    return absl::InternalError("mirror_or cannot be registered");
  }
  std::vector<std::string> names = LogKeyNames(key_.size()), values = names;
  for (std::size_t i = 0; i < MaskCount(); ++i) {
    names.push_back(absl::StrCat("m", i));
    // The triggers of those entries did not examine columns added later.
    const char* const whole = log_.marks_ends ? "m0 IS NULL OR m0 < 0" : "m0 IS NULL";
    values.push_back(absl::StrCat("CASE WHEN ", whole, " THEN NULL WHEN seq <= ", log_.masks_after,
                                  " THEN coalesce(m", i, ", 0) | ", AddedBits(i), " ELSE m", i, " END"));
  }
  if (log_.marks_ends) {
    names.push_back("ended");
    values.push_back("coalesce(m0 < 0, 0)");
  }
  copy_ = absl::StrCat("INSERT INTO temp._mirror_raw SELECT ", absl::StrJoin(values, ", "), " FROM main.",
                       LogName(log_.id), " WHERE seq > ?1 AND seq <= ?2");
  return file_.Run(absl::StrCat("DROP TABLE IF EXISTS temp._mirror_raw; CREATE TEMP TABLE _mirror_raw (",
                                absl::StrJoin(names, ", "), ")"));
}

absl::StatusOr<std::int64_t> ChangedKeys::Copy(std::int64_t from, std::int64_t until) {
  if (absl::Status copied = file_.Query(copy_).With(from, until).Run(); !copied.ok()) {
    const bool has_long_key = (sqlite3_errcode(file_.handle()) & 0xff) == SQLITE_TOOBIG;
    return has_long_key ? absl::OutOfRangeError(copied.message()) : copied;
  }
  return sqlite3_changes64(file_.handle());
}

absl::Status ChangedKeys::Add(const std::vector<Key>& keys) {
  if (keys.empty()) return absl::OkStatus();
  std::vector<std::string> places;
  for (std::size_t i = 0; i < key_.size(); ++i) places.push_back(absl::StrCat("?", i + 1));
  places.insert(places.end(), MaskCount(), "NULL");
  if (log_.marks_ends) places.push_back("0");
  ASSIGN_OR_RETURN(
      sqlite::Statement insert,
      file_.Prepare(absl::StrCat("INSERT INTO temp._mirror_raw VALUES (", absl::StrJoin(places, ", "), ")")));
  insert.SetDoing("noting what is to be repaired");
  for (const Key& key : keys) {
    BindKey(insert, 1, key);
    RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

std::int64_t ChangedKeys::AddedBits(std::size_t mask) const {
  std::int64_t bits = 0;
  for (std::size_t i = mask * kMaskBits; i < std::min(log_.columns.size(), (mask + 1) * kMaskBits); ++i) {
    const auto& added = log_.added;
    if (std::find(added.begin(), added.end(), log_.columns[i]) == added.end()) continue;
    bits |= std::int64_t{1} << (i - mask * kMaskBits);
  }
  return bits;
}

absl::Status ChangedKeys::Group() {
  std::vector<std::string> keys, group, same;
  const bool typed = std::all_of(key_.begin(), key_.end(),
                                 [this](std::uint32_t column) { return log_.table.columns[column].typed; });
  for (std::size_t i = 0; i < key_.size(); ++i) {
    const std::string key = absl::StrCat("k", i);
    keys.push_back(key);
    group.push_back(key);
    if (typed) continue;
    group.push_back(absl::StrCat("typeof(", key, ")"));
  }
  // Only keys that are equal except for their type are adjacent.
  for (std::size_t i = 0; !typed && i < key_.size(); ++i) {
    same.push_back(absl::StrCat("lag(k", i, ") OVER w IS k", i));
  }
  std::vector<std::string> or_masks;
  for (std::size_t i = 0; i < MaskCount(); ++i) {
    or_masks.push_back(absl::StrCat("mirror_or(m", i, ") AS m", i));
  }
  const std::string key_list = absl::StrJoin(keys, ", ");
  const std::string grouped = absl::StrCat("SELECT ", key_list, ", ", absl::StrJoin(or_masks, ", "),
                                           log_.marks_ends ? ", max(ended) AS ended" : ", 0 AS ended",
                                           same.empty() ? ", 0 AS same" : "",
                                           " FROM temp._mirror_raw GROUP BY ", absl::StrJoin(group, ", "));
  const std::string marked = same.empty()
                                 ? grouped
                                 : absl::StrCat("SELECT *, ", absl::StrJoin(same, " AND "), " AS same FROM (",
                                                grouped, ") WINDOW w AS (ORDER BY ", key_list, ")");
  RETURN_IF_ERROR(
      file_.Run(absl::StrCat("DROP TABLE IF EXISTS temp._mirror_net; CREATE TEMP TABLE _mirror_net AS ",
                             marked, " ORDER BY ", key_list, "; DROP TABLE temp._mirror_raw")));
  ASSIGN_OR_RETURN(rows_, file_.Number("SELECT coalesce(max(rowid), 0) FROM temp._mirror_net"));
  return absl::OkStatus();
}

absl::StatusOr<sqlite::Statement> ChangedKeys::Read() const {
  return file_.Prepare(absl::StrCat("SELECT * FROM ", kTable, " WHERE rowid >= ?1 ORDER BY rowid"));
}

/// Entries that one look copies if writers wait for its end.
constexpr std::int64_t kCopyEntries = 20'000;
/// Maximum number of column sets in one piece; beyond it whole rows are sent.
constexpr std::size_t kShapesMax = 64;
/// Tables up to this size are counted with their last piece; up to kOneLookEntries if writers wait.
constexpr std::int64_t kCountedRows = 100'000;
/// Deletes up to this number never need an operator's decision: remaining rows need not be counted.
constexpr std::int64_t kDeletesUncounted = 500;

class NetChanges : public ChangeReader {
 public:
  NetChanges(AnnouncedSource source, ChangeLog& log, const TableLog& table, Lsn from, bool whole_rows,
             bool count_all, std::vector<Key> also)
      : source_(std::move(source)),
        definition_(source_.definition),
        file_(*source_.file),
        log_(log),
        table_(table),
        key_(source_.schema.Key()),
        keys_(file_, table_, key_),
        from_(from.value),
        whole_rows_(whole_rows),
        count_all_(count_all),
        also_(std::move(also)),
        key_taker_(source_.file, source_.schema, key_, [] {}) {}

  ~NetChanges() override { CloseLook(); }

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    absl::StatusOr<ChangePiece> piece = OnePiece(size, sink);
    if (!piece.ok()) CloseLook();
    return piece;
  }

 private:
  /// How rows with one set of changed columns are read and sent.
  struct Shape {
    Operation operation = Operation::kInsert;
    std::vector<std::uint32_t> columns;
    sqlite::Statement select;
    std::unique_ptr<RowTaker> taker;
    std::optional<RowBlock> block;
    std::vector<std::vector<sqlite::Value>> heavy;  ///< Keys of rows too long for one statement.
  };
  using Masks = std::vector<std::int64_t>;  ///< Empty: all columns.

  absl::StatusOr<ChangePiece> OnePiece(const BlockSize& size, LargeSink* sink) {
    if (!in_round_) {
      RETURN_IF_ERROR(BeginRound());
    } else if (!looking_) {
      RETURN_IF_ERROR(OpenLook());
    }
    RETURN_IF_ERROR(TakeKeys(size, sink));
    const bool at_end = next_row_ > keys_.rows();
    ChangePiece piece;
    if (std::exchange(first_, false) && !at_end) RETURN_IF_ERROR(CountDeletes(&piece));
    bool covered = looking_ && sealed_;
    if (at_end && looking_) RETURN_IF_ERROR(CountRows(&piece));
    // A snapshot stays open for the rest of its round; it is sealed once.
    if (!file_.wal() || at_end || !one_look_) CloseLook();
    const bool aside = AnyHeavy();
    RETURN_IF_ERROR(TakeAside(sink));
    if (aside) one_look_ = covered = false;
    piece.last = at_end && (one_look_ || round_ >= kRoundsMax);
    if (!one_look_) piece.row_count.reset();
    if (!covered) {
      ASSIGN_OR_RETURN(target_, log_.Seal(source_.schema.name, Lsn{until_}));
      sealed_ = looking_;
    }
    piece.target = target_;
    Collect(&piece);
    if (at_end) {
      in_round_ = false;
      from_ = until_;
    }
    return piece;
  }

  absl::Status OpenLook() {
    RETURN_IF_ERROR(file_.BeginLook());
    looking_ = true;
    absl::Status same = definition_.Check(file_);
    if (same.ok()) same = log_.See(file_, source_.schema.name);
    if (!absl::IsAborted(same)) return same;
    return absl::AbortedError(absl::StrCat("table '", source_.schema.name, "': ", same.message()));
  }

  void CloseLook() {
    for (auto& [masks, shape] : shapes_) shape.select.Reset();
    if (looking_) file_.EndLook();
    looking_ = false;
    sealed_ = false;
    null_is_gone_ = false;
  }

  // --- The changed keys ---

  absl::Status BeginRound() {
    RETURN_IF_ERROR(OpenLook());
    ASSIGN_OR_RETURN(until_, file_.Number(absl::StrCat("SELECT max(seq) FROM main.", LogName(table_.id))));
    ++round_;
    one_look_ = file_.wal() || until_ - from_ <= kOneLookEntries;
    RETURN_IF_ERROR(keys_.Begin());
    std::int64_t copied = 0;
    for (std::int64_t at = from_; at < until_;) {
      const std::int64_t end = one_look_ ? until_ : std::min(until_, at + kCopyEntries);
      if (!looking_) RETURN_IF_ERROR(OpenLook());
      const absl::StatusOr<std::int64_t> some = keys_.Copy(at, end);
      if (absl::IsOutOfRange(some.status())) {
        return BeginAnew("its change log has a key that is too long for any mirror");
      }
      if (!some.ok()) return some.status();
      copied += *some;
      at = end;
      if (!one_look_) CloseLook();
    }
    if (copied != until_ - from_) return BeginAnew("entries of its change log are missing");
    RETURN_IF_ERROR(keys_.Add(std::exchange(also_, {})));
    in_round_ = true;
    next_row_ = 1;
    RETURN_IF_ERROR(keys_.Group());
    return looking_ ? absl::OkStatus() : OpenLook();
  }

  /// Discards the table's log and returns the error: the next step is a population.
  absl::Status BeginAnew(const std::string& why) {
    CloseLook();
    RETURN_IF_ERROR(log_.GiveUp(source_.schema.name));
    return absl::AbortedError(
        absl::StrCat("table '", source_.schema.name, "': ", why, "; it is populated anew"));
  }

  // --- Their rows ---

  /// Keys of one look, where writers may wait for its end.
  std::int64_t KeysOfLook() const { return one_look_ ? keys_.rows() : static_cast<std::int64_t>(kLookRows); }

  absl::Status TakeKeys(const BlockSize& size, LargeSink* sink) {
    ASSIGN_OR_RETURN(const sqlite::Statement keys, keys_.Read());
    sqlite3_stmt* row = keys.get();
    sqlite3_bind_int64(row, 1, next_row_);
    weight_ = 0;
    const int same_at = EndedAt() + 1;
    for (std::int64_t taken = 0; next_row_ <= keys_.rows(); ++taken, ++next_row_) {
      const int code = sqlite3_step(row);
      if (code != SQLITE_ROW) return file_.Error(code, "reading its changes");
      const bool full =
          taken >= KeysOfLook() || weight_ >= size.bytes || static_cast<std::size_t>(taken) >= size.rows;
      // Keys equal except for their type stay together: the delete of one would delete the other.
      const bool same = sqlite3_column_int(row, same_at) != 0;
      if (full && !same) {
        // The rest follows in another look, unless this one may stay open.
        if (!file_.wal()) one_look_ = false;
        return absl::OkStatus();
      }
      if (!same) delete_taken_ = false;
      RETURN_IF_ERROR(TakeKey(row, sink));
    }
    return absl::OkStatus();
  }

  int EndedAt() const { return static_cast<int>(key_.size() + keys_.MaskCount()); }

  absl::Status TakeKey(sqlite3_stmt* key, LargeSink* sink) {
    for (std::size_t i = 0; i < key_.size(); ++i) {
      if (sqlite3_column_type(key, static_cast<int>(i)) == SQLITE_NULL) return CheckNull();
    }
    const Masks& masks = MasksOf(key);
    if (!whole_rows_ && IsNothing(masks)) return absl::OkStatus();
    // Mostly the same as for the key before.
    if (!shape_ || masks != shape_masks_) {
      ASSIGN_OR_RETURN(shape_, FindShape(masks));
      shape_masks_ = masks;
    }
    Shape* const shape = *shape_;
    if (shape == nullptr) return absl::OkStatus();
    sqlite3_stmt* select = shape->select.get();
    for (std::size_t i = 0; i < key_.size(); ++i) {
      sqlite3_bind_value(select, static_cast<int>(i + 1), sqlite3_column_value(key, static_cast<int>(i)));
    }
    const int code = sqlite3_step(select);
    absl::Status status;
    if (code == SQLITE_ROW) {
      status = TakeRow(*shape, sink);
    } else if (code == SQLITE_DONE && !whole_rows_ && !masks.empty() && !source_.plan->filter.empty()) {
      // The row was not sent before, and the change does not include it.
    } else if (code == SQLITE_DONE) {
      status = TakeDelete(key);
    } else if (code == SQLITE_TOOBIG) {
      std::vector<sqlite::Value> values(key_.size());
      for (std::size_t i = 0; i < key_.size(); ++i)
        values[i].Keep(sqlite3_column_value(key, static_cast<int>(i)));
      shape->heavy.push_back(std::move(values));
      weight_ += kPartWeight;
    } else {
      status = file_.Error(code, absl::StrCat("reading table '", source_.schema.name, "'"));
    }
    shape->select.Reset();
    const bool there = code == SQLITE_ROW || code == SQLITE_TOOBIG;
    // Deletes the former row first: readers of the mirror's journal must see that this is another row.
    if (status.ok() && there && sqlite3_column_int(key, EndedAt()) != 0) status = TakeDelete(key);
    return status;
  }

  /// A row with NULL in its key that is deleted again never reached the mirror.
  absl::Status CheckNull() {
    if (null_is_gone_) return absl::OkStatus();
    const std::string null = absl::StrJoin(key_, " OR ", [this](std::string* out, std::uint32_t column) {
      absl::StrAppend(out, QuoteName(source_.schema.columns[column].name), " IS NULL");
    });
    ASSIGN_OR_RETURN(const auto there,
                     file_.Number(absl::StrCat("SELECT EXISTS (SELECT 1",
                                               source_.plan->FromWhere(absl::StrCat("(", null, ")")), ")")));
    null_is_gone_ = there == 0;
    if (null_is_gone_) return absl::OkStatus();
    source_.forget();
    return absl::AbortedError(absl::StrCat("table '", source_.schema.name, "': its key holds NULL now"));
  }

  absl::Status TakeRow(Shape& shape, LargeSink* sink) {
    if (!shape.block) shape.block = RowBlock::For(source_.schema, shape.columns);
    const std::size_t before = shape.taker->weight();
    absl::Status status = shape.taker->Take(row_values_.Of(shape.select.get()), &*shape.block, sink);
    weight_ += shape.taker->weight() - before;
    return status;
  }

  absl::Status TakeDelete(sqlite3_stmt* key) {
    // A key of another type than announced never reached the mirror.
    sqlite3_value** const values = row_values_.Of(key);
    if (!key_taker_.Fits(values)) return absl::OkStatus();
    // 3 and 3.0 are one key in the mirror: the delete of one is also that of the other.
    if (std::exchange(delete_taken_, true)) return absl::OkStatus();
    if (!deletes_) deletes_ = RowBlock::For(source_.schema, key_);
    const std::size_t before = key_taker_.weight();
    absl::Status status = key_taker_.Take(values, &*deletes_, nullptr);
    weight_ += key_taker_.weight() - before;
    return status;
  }

  /// Valid until the next call.
  const Masks& MasksOf(sqlite3_stmt* key) {
    masks_.clear();
    for (std::size_t i = 0; !whole_rows_ && i < keys_.MaskCount(); ++i) {
      const int at = static_cast<int>(key_.size() + i);
      if (sqlite3_column_type(key, at) == SQLITE_NULL) {
        masks_.clear();
        break;
      }
      masks_.push_back(sqlite3_column_int64(key, at));
    }
    if (!masks_.empty() && MayEnter(masks_)) masks_.clear();
    return masks_;
  }

  /// Whether a row with changes in only these columns may enter the rows to be sent, or leave them.
  bool MayEnter(const Masks& masks) const {
    const SourcePlan& plan = *source_.plan;
    if (plan.filter.empty() || IsNothing(masks)) return false;
    return plan.filter_by_any || std::any_of(plan.filter_columns.begin(), plan.filter_columns.end(),
                                             [&](std::uint32_t column) { return HasBit(masks, column); });
  }

  /// The same as a condition on ChangedKeys::kTable; also true for whole rows.
  std::string WholeKeys() const {
    if (whole_rows_) return "1";
    std::string condition = "(m0 IS NULL";
    const SourcePlan& plan = *source_.plan;
    for (std::size_t i = 0; i < keys_.MaskCount() && !plan.filter.empty(); ++i) {
      std::int64_t bits = plan.filter_by_any ? -1 : 0;
      for (const std::uint32_t column : plan.filter_columns) {
        if (column / kMaskBits == i) bits |= std::int64_t{1} << (column % kMaskBits);
      }
      if (bits != 0) absl::StrAppend(&condition, " OR (m", i, " & ", bits, ") <> 0");
    }
    return condition + ")";
  }

  static bool IsNothing(const Masks& masks) {
    return !masks.empty() && std::all_of(masks.begin(), masks.end(), [](std::int64_t m) { return m == 0; });
  }

  /// Null: no changed column is sent.
  absl::StatusOr<Shape*> FindShape(Masks masks) {
    if (shapes_.size() >= kShapesMax && !shapes_.contains(masks)) masks.clear();
    const auto [at, fresh] = shapes_.try_emplace(std::move(masks));
    Shape& shape = at->second;
    if (!fresh) return shape.columns.size() > key_.size() || at->first.empty() ? &shape : nullptr;
    shape.operation = at->first.empty() ? Operation::kInsert : Operation::kUpdate;
    for (const std::uint32_t column : source_.columns) {
      const bool in_key = source_.schema.columns[column].key_position != 0;
      if (in_key || at->first.empty() || HasBit(at->first, column)) shape.columns.push_back(column);
    }
    ASSIGN_OR_RETURN(sqlite::Statement select, file_.Prepare(SelectOf(shape.columns)));
    shape.select = std::move(select);
    shape.taker = std::make_unique<RowTaker>(source_.file, source_.schema, shape.columns, source_.forget);
    return shape.columns.size() > key_.size() || at->first.empty() ? &shape : nullptr;
  }

  static bool HasBit(const Masks& masks, std::uint32_t column) {
    return (masks[column / kMaskBits] >> (column % kMaskBits) & 1) != 0;
  }

  /// Returns the condition that a row of the table has this value in its key's column number `i`.
  std::string KeyTerm(std::size_t i, const std::string& value, const char* table) const {
    const LoggedTable::Column& column = table_.table.columns[key_[i]];
    const std::string name = absl::StrCat(table, QuoteName(column.name));
    std::string term = absl::StrCat(name, " = ", value);
    if (!column.binary) absl::StrAppend(&term, " AND ", name, " COLLATE BINARY = ", value);
    if (!column.typed) absl::StrAppend(&term, " AND typeof(", name, ") = typeof(", value, ")");
    return term;
  }

  std::string SelectOf(const std::vector<std::uint32_t>& columns) const {
    std::vector<std::string> names, terms;
    for (const std::uint32_t column : columns) names.push_back(source_.plan->ValueOf(column));
    for (std::size_t i = 0; i < key_.size(); ++i) terms.push_back(KeyTerm(i, absl::StrCat("?", i + 1), ""));
    return absl::StrCat("SELECT ", absl::StrJoin(names, ", "),
                        source_.plan->FromWhere(absl::StrJoin(terms, " AND ")));
  }

  bool AnyHeavy() const {
    return std::any_of(shapes_.begin(), shapes_.end(),
                       [](const auto& shape) { return !shape.second.heavy.empty(); });
  }

  /// Sends and reads what was deferred while locks were held.
  absl::Status TakeAside(LargeSink* sink) {
    for (auto& [masks, shape] : shapes_) {
      RETURN_IF_ERROR(shape.taker->SendDeferred(sink));
      if (shape.heavy.empty()) continue;
      CloseLook();
      RETURN_IF_ERROR(TakeHeavy(shape, sink));
    }
    return absl::OkStatus();
  }

  absl::Status TakeHeavy(Shape& shape, LargeSink* sink) {
    std::vector<OrderTerm> by_key;
    for (const std::uint32_t column : key_) {
      by_key.push_back({QuoteName(source_.schema.columns[column].name), false, static_cast<int>(column)});
    }
    ASSIGN_OR_RETURN(SqliteCursor cursor,
                     SqliteCursor::Open(source_.file, source_.plan, by_key, shape.columns));
    const auto begin = [this] { return file_.BeginLook(); };
    for (std::vector<sqlite::Value>& key : std::exchange(shape.heavy, {})) {
      RETURN_IF_ERROR(file_.BeginLook());
      const absl::StatusOr<bool> there = cursor.Locate(std::move(key));
      file_.EndLook();
      if (!there.ok()) return there.status();
      // Deleted meanwhile: the next round has its delete.
      if (!*there) continue;
      if (!shape.block) shape.block = RowBlock::For(source_.schema, shape.columns);
      RETURN_IF_ERROR(shape.taker->TakeHeavy(cursor, begin, &*shape.block, sink));
    }
    return absl::OkStatus();
  }

  /// Counts the deletes that follow the first piece of a round: of one moment, or approximately now.
  absl::Status CountDeletes(ChangePiece* piece) {
    const bool exact = file_.wal();
    if (!exact) CloseLook();
    const std::int64_t rows = keys_.rows(), keys = exact ? rows : static_cast<std::int64_t>(kLookRows);
    std::int64_t gone = 0, again = 0;
    for (std::int64_t at = 1; at <= rows; at += keys) {
      const std::string some = absl::StrCat(" AND n.rowid BETWEEN ", at, " AND ", at + keys - 1);
      ASSIGN_OR_RETURN(const auto counted,
                       InLook([&] { return file_.Number(CountOf("NOT EXISTS") + some); }));
      gone += counted;
      if (!table_.marks_ends) continue;
      ASSIGN_OR_RETURN(const auto ended,
                       InLook([&] { return file_.Number(CountOf("n.ended AND EXISTS") + some); }));
      again += ended;
    }
    ASSIGN_OR_RETURN(const auto whole, file_.Number(absl::StrCat("SELECT count(*) FROM ", ChangedKeys::kTable,
                                                                 " WHERE ", WholeKeys())));
    piece->planned.emplace();
    (exact ? piece->planned->deletes : piece->planned->expected_deletes) =
        static_cast<std::uint64_t>(gone + again);
    // Deleted rows are not inserted; their entries are of whole rows, too.
    piece->planned->inserts = static_cast<std::uint64_t>(std::max<std::int64_t>(0, whole - gone));
    piece->planned->updates = static_cast<std::uint64_t>(rows - gone) - piece->planned->inserts;
    if (gone <= kDeletesUncounted) return absl::OkStatus();
    ASSIGN_OR_RETURN(const auto now, InLook([this] {
                       return file_.Number(absl::StrCat("SELECT count(*)", source_.plan->FromWhere()));
                     }));
    piece->rows_now = static_cast<std::uint64_t>(now);
    return absl::OkStatus();
  }

  /// Returns SQL that counts the keys whose rows satisfy a condition.
  std::string CountOf(const std::string& is_so) const {
    std::vector<std::string> terms;
    for (std::size_t i = 0; i < key_.size(); ++i) terms.push_back(KeyTerm(i, absl::StrCat("n.k", i), "t."));
    return absl::StrCat("SELECT count(*) FROM ", ChangedKeys::kTable, " AS n WHERE ",
                        source_.plan->filter.empty() ? "" : absl::StrCat(WholeKeys(), " AND "), is_so,
                        " (SELECT 1 FROM (SELECT *", source_.plan->FromWhere(), ") AS t WHERE ",
                        absl::StrJoin(terms, " AND "), ")");
  }

  /// Reads in the open look, or in one of its own.
  absl::StatusOr<std::int64_t> InLook(const std::function<absl::StatusOr<std::int64_t>()>& read) {
    if (looking_) return read();
    RETURN_IF_ERROR(OpenLook());
    absl::StatusOr<std::int64_t> number = read();
    CloseLook();
    return number;
  }

  absl::Status CountRows(ChangePiece* piece) {
    std::int64_t most = file_.wal() ? kCountedRows : kOneLookEntries;
    if (count_all_) most = file_.wal() ? INT64_MAX - 1 : kCountedRows;
    const bool many = deletes_ && static_cast<std::int64_t>(deletes_->rows()) > kDeletesUncounted;
    if (many) most = INT64_MAX - 1;
    ASSIGN_OR_RETURN(const auto count,
                     file_.Number(absl::StrCat("SELECT count(*) FROM (SELECT 1", source_.plan->FromWhere(),
                                               " LIMIT ", most + 1, ")")));
    if (count > most) return absl::OkStatus();
    piece->row_count = static_cast<std::uint64_t>(count);
    piece->rows_now = piece->row_count;
    return absl::OkStatus();
  }

  void Collect(ChangePiece* piece) {
    if (deletes_) piece->blocks.push_back({Operation::kDelete, *std::exchange(deletes_, std::nullopt)});
    // Whole rows have the empty mask, the first of all; they come last.
    for (auto at = shapes_.rbegin(); at != shapes_.rend(); ++at) {
      Shape& shape = at->second;
      if (shape.block) piece->blocks.push_back({shape.operation, *std::exchange(shape.block, std::nullopt)});
    }
  }

  static constexpr std::size_t kPartWeight = 4 << 20;

  const AnnouncedSource source_;
  DefinitionWatch definition_;
  const SqliteFile& file_;
  ChangeLog& log_;
  const TableLog table_;
  const std::vector<std::uint32_t> key_;
  ChangedKeys keys_;
  std::int64_t from_;
  const bool whole_rows_, count_all_;
  std::vector<Key> also_;
  RowTaker key_taker_;
  sqlite::RowValues row_values_;

  int round_ = 0;
  bool first_ = true;  ///< No piece was given yet.
  bool in_round_ = false;
  bool one_look_ = false;  ///< The whole round is of one moment.
  bool looking_ = false;
  bool null_is_gone_ = false;  ///< The present look has no key with NULL.
  bool sealed_ = false;        ///< `target_` covers the present look.
  std::int64_t until_ = 0;     ///< Position of the round.
  std::int64_t next_row_ = 1;
  Position target_;
  std::map<Masks, Shape> shapes_;
  Masks masks_, shape_masks_;
  std::optional<Shape*> shape_;  ///< For shape_masks_; null: none of its columns is sent.
  std::optional<RowBlock> deletes_;
  bool delete_taken_ = false;  ///< For a key equal to the present one except for its type.
  std::size_t weight_ = 0;
};

}  // namespace

std::unique_ptr<ChangeReader> ReadNetChanges(AnnouncedSource source, ChangeLog& log, const TableLog& table,
                                             Lsn from, bool whole_rows, bool count_all,
                                             std::vector<Key> also) {
  return std::make_unique<NetChanges>(std::move(source), log, table, from, whole_rows, count_all,
                                      std::move(also));
}

}  // namespace mirror
