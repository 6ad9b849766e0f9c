#include "client/source/sqlite_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/source/name_pattern.h"
#include "client/source/sqlite_cursor.h"
#include "client/source/sqlite_file.h"
#include "client/source/sqlite_schema.h"
#include "proto/wire/limits.h"
#include "proto/wire/utf8.h"

namespace mirror {
namespace {

/// Rows of one look at a database with a rollback journal, whose writers wait for its end.
constexpr std::size_t kLookRows = 1'000;
constexpr std::int64_t kCountRows = 20'000;
/// Rows that Next() gives at most, however little they weigh.
constexpr std::size_t kBlockRows = 200'000;
/// Bytes of one row that stand in a batch; the rest of a very wide row travels in parts, whatever its length.
constexpr std::size_t kRowBytes = 6 << 20;

std::string_view View(const void* data, int size) {
  return size == 0 ? std::string_view()
                   : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

std::string_view TextOf(sqlite3_stmt* row, int column) {
  const unsigned char* text = sqlite3_column_text(row, column);
  return View(text, sqlite3_column_bytes(row, column));
}

std::string_view BlobOf(sqlite3_stmt* row, int column) {
  const void* blob = sqlite3_column_blob(row, column);
  return View(blob, sqlite3_column_bytes(row, column));
}

bool IsText(std::string_view bytes) { return IsAscii(bytes) || CountUtf8(bytes).has_value(); }

/// Checks text that comes in pieces, which may end in the middle of a character.
class TextCheck {
 public:
  void Add(std::string_view piece) {
    carry_.append(piece);
    // The last character begins at most four bytes before the end; it waits for the next piece.
    std::size_t end = carry_.size();
    for (std::size_t back = 1; back <= 4 && back <= carry_.size(); ++back) {
      if (!IsUtf8Continuation(carry_[carry_.size() - back])) {
        end = carry_.size() - back;
        break;
      }
    }
    good_ = good_ && IsText(std::string_view(carry_).substr(0, end));
    carry_.erase(0, end);
  }
  bool Good() const { return good_ && IsText(carry_); }

 private:
  std::string carry_;
  bool good_ = true;
};

/// Ends a look with the scope.
class Look {
 public:
  explicit Look(const SqliteFile& file) : file_(file) {}
  ~Look() { file_.EndLook(); }
  Look(const Look&) = delete;
  Look& operator=(const Look&) = delete;

 private:
  const SqliteFile& file_;
};

/// Finds out whether the values of a table keep what its declarations promise.
class TypeScan {
 public:
  TypeScan(std::shared_ptr<const SqliteFile> file, std::shared_ptr<const TablePlan> plan)
      : file_(std::move(file)),
        plan_(std::move(plan)),
        misfit_(plan_->schema.columns.size(), false),
        null_(plan_->schema.columns.size(), false) {
    for (std::uint32_t i = 0; i < plan_->schema.columns.size(); ++i) {
      const Column& column = plan_->schema.columns[i];
      const bool may_surprise = column.type != Type::kAny || !column.nullable;
      if (may_surprise) columns_.push_back(i);
    }
  }

  /// Errors: kUnavailable and the like; others are the table's own problem.
  absl::Status Run() {
    if (columns_.empty()) return absl::OkStatus();
    absl::StatusOr<SqliteCursor> cursor = SqliteCursor::Open(file_, plan_, plan_->steady_order, columns_);
    if (!cursor.ok()) return cursor.status();
    for (;;) {
      if (absl::Status status = file_->BeginLook(); !status.ok()) return status;
      const Look look(*file_);
      for (std::size_t rows = 0; rows < kLookRows || !cursor->can_leave(); ++rows) {
        const absl::StatusOr<SqliteCursor::Step> step = cursor->Next();
        if (!step.ok()) return step.status();
        if (*step == SqliteCursor::Step::kEnd) return absl::OkStatus();
        if (*step == SqliteCursor::Step::kRow) {
          for (std::size_t i = 0; i < columns_.size(); ++i)
            See(cursor->row(), static_cast<int>(i), columns_[i]);
        } else if (absl::Status status = SeeHeavy(*cursor); !status.ok()) {
          return status;
        }
      }
      if (file_->access() == Access::kChunks) cursor->Leave();
    }
  }

  /// What the table is announced as.
  TableSchema Found() const {
    TableSchema schema = plan_->schema;
    bool key_is_null = false;
    for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
      Column& column = schema.columns[i];
      if (misfit_[i]) Widen(&column);
      if (null_[i] && column.key_position != 0) key_is_null = true;
      if (null_[i]) column.nullable = true;
    }
    if (key_is_null) DropKey(&schema);
    return schema;
  }
  const std::string& infinite_column() const { return infinite_column_; }

  static void Widen(Column* column) {
    const Affinity affinity = column->type == Type::kInt64    ? Affinity::kInteger
                              : column->type == Type::kDouble ? Affinity::kReal
                                                              : Affinity::kText;
    if (column->type != Type::kAny) column->affinity = affinity;
    column->type = Type::kAny;
  }
  static void DropKey(TableSchema* schema) {
    for (Column& column : schema->columns) {
      if (column.key_position == 0) continue;
      column.key_position = 0;
      column.nullable = true;
    }
  }

 private:
  void See(sqlite3_stmt* row, int at, std::uint32_t column) {
    const Type type = plan_->schema.columns[column].type;
    switch (sqlite3_column_type(row, at)) {
      case SQLITE_NULL:
        null_[column] = true;
        return;
      case SQLITE_INTEGER:
        if (type != Type::kInt64) misfit_[column] = true;
        return;
      case SQLITE_FLOAT:
        if (type != Type::kDouble) misfit_[column] = true;
        if (!std::isfinite(sqlite3_column_double(row, at))) {
          infinite_column_ = plan_->schema.columns[column].name;
        }
        return;
      case SQLITE_TEXT:
        if (type != Type::kText || (!misfit_[column] && !IsText(TextOf(row, at)))) misfit_[column] = true;
        return;
      default:
        misfit_[column] = true;
    }
  }

  absl::Status SeeHeavy(SqliteCursor& cursor) {
    for (const std::uint32_t column : columns_) {
      const absl::StatusOr<bool> light = cursor.HeavyValue(column, [&](sqlite3_stmt* row) {
        See(row, 0, column);
        return absl::OkStatus();
      });
      if (!light.ok()) return light.status();
      if (*light) continue;
      const auto heavy = cursor.HeavySize(column);
      if (!heavy.ok()) return heavy.status();
      if (!heavy->text || plan_->schema.columns[column].type != Type::kText) {
        misfit_[column] = true;
        continue;
      }
      TextCheck check;
      for (std::uint64_t at = 0; at < heavy->size; at += kPartBytesMax) {
        const auto piece =
            cursor.HeavyPiece(column, at, std::min<std::uint64_t>(kPartBytesMax, heavy->size - at));
        if (!piece.ok()) return piece.status();
        check.Add(*piece);
      }
      if (!check.Good()) misfit_[column] = true;
    }
    return absl::OkStatus();
  }

  std::shared_ptr<const SqliteFile> file_;
  std::shared_ptr<const TablePlan> plan_;
  std::vector<bool> misfit_, null_;
  std::vector<std::uint32_t> columns_;
  std::string infinite_column_;
};

/// The record of a table: the hash of its declarations, then a letter for each column (a: ANY, else as
/// declared), a capital where NULL was found against NOT NULL; at the end k or n: with or without its key.
std::string MakeRecord(const TableSchema& declared, const TableSchema& found) {
  std::string record = SchemaHash(declared) + ":";
  for (std::size_t i = 0; i < declared.columns.size(); ++i) {
    const bool widened = found.columns[i].type != declared.columns[i].type;
    const bool null = found.columns[i].nullable && !declared.columns[i].nullable;
    record += widened ? (null ? 'A' : 'a') : (null ? 'D' : 'd');
  }
  return record + (found.Key().empty() ? 'n' : 'k');
}

std::optional<TableSchema> ApplyRecord(const TableSchema& declared, const std::string& record) {
  const std::string prefix = SchemaHash(declared) + ":";
  if (record.size() != prefix.size() + declared.columns.size() + 1 || record.rfind(prefix, 0) != 0) {
    return std::nullopt;
  }
  TableSchema schema = declared;
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const char letter = record[prefix.size() + i];
    if (letter == 'a' || letter == 'A') TypeScan::Widen(&schema.columns[i]);
    if (letter == 'A' || letter == 'D') schema.columns[i].nullable = true;
  }
  if (record.back() == 'n') TypeScan::DropKey(&schema);
  return schema;
}

/// One table of the present look.
struct Known {
  std::shared_ptr<const TablePlan> plan;
  TableSchema schema;
};

class SqliteTableReader : public TableReader {
 public:
  SqliteTableReader(std::shared_ptr<const SqliteFile> file, const Known& known, SqliteCursor cursor,
                    const std::vector<std::uint32_t>& columns, std::int64_t schema_version,
                    std::function<void()> forget)
      : file_(std::move(file)),
        name_(known.schema.name),
        cursor_(std::move(cursor)),
        schema_version_(schema_version),
        forget_(std::move(forget)) {
    for (const std::uint32_t column : columns) {
      const Column& definition = known.schema.columns[column];
      fields_.push_back({column, StorageOf(definition.type), definition.nullable,
                         definition.key_position != 0, definition.name});
    }
  }

  absl::StatusOr<bool> Next(std::size_t bytes, RowBlock* block, LargeSink* sink) override {
    weight_ = 0;
    while (weight_ < bytes && block->rows() < kBlockRows) {
      absl::StatusOr<bool> more = OneLook(bytes, block, sink);
      // Only now that no lock is held.
      if (absl::Status status = SendDeferred(sink); !status.ok()) return status;
      if (!more.ok()) return more.status();
      if (!*more) return false;
      if (!heavy_) continue;
      heavy_ = false;
      if (absl::Status status = AppendHeavy(block, sink); !status.ok()) return status;
    }
    return true;
  }

 private:
  struct Field {
    std::uint32_t column = 0;
    Storage storage = Storage::kAny;
    bool nullable = false;
    bool in_key = false;
    std::string name;
  };
  struct Deferred {
    std::uint64_t value_id = 0;
    std::string bytes;
  };

  absl::Status Begin() const {
    absl::Status begun = file_->BeginLook();
    if (begun.ok() && file_->access() == Access::kChunks) begun = CheckUnmoved();
    if (!begun.ok()) file_->EndLook();
    if (absl::IsAborted(begun)) return Moved(begun.message());
    return begun;
  }

  /// In a look: nothing was committed since the first one.
  absl::Status CheckUnmoved() const {
    const auto schema = file_->Number("PRAGMA schema_version");
    if (!schema.ok()) return schema.status();
    const auto data = file_->Number("PRAGMA data_version");
    if (!data.ok()) return data.status();
    if (!data_version_) data_version_ = *data;
    if (*schema == schema_version_ && *data == *data_version_) return absl::OkStatus();
    return absl::AbortedError("another program committed while it was read");
  }

  absl::Status Moved(const absl::string_view& how) const {
    return absl::AbortedError(absl::StrCat("table '", name_, "' is not of one moment: ", how));
  }

  absl::StatusOr<bool> OneLook(std::size_t bytes, RowBlock* block, LargeSink* sink) {
    if (absl::Status status = Begin(); !status.ok()) return status;
    const Look look(*file_);
    const bool in_chunks = file_->access() == Access::kChunks && cursor_.can_leave();
    for (std::size_t rows = 0;
         weight_ < bytes && (!in_chunks || rows < kLookRows) && block->rows() < kBlockRows; ++rows) {
      const absl::StatusOr<SqliteCursor::Step> step = cursor_.Next();
      if (!step.ok()) return step.status();
      if (*step == SqliteCursor::Step::kEnd) {
        // These were all the rows, if the file is still what it was.
        if (file_->access() != Access::kStill) return false;
        const absl::Status still = file_->BeginLook();
        return still.ok() ? absl::StatusOr<bool>(false) : absl::StatusOr<bool>(Moved(still.message()));
      }
      if (*step == SqliteCursor::Step::kHeavy) {
        heavy_ = true;
        break;
      }
      row_bytes_ = 0;
      for (std::size_t i = 0; i < fields_.size(); ++i) {
        absl::Status status =
            Append(cursor_.row(), static_cast<int>(i), fields_[i], &block->columns[i], sink);
        if (!status.ok()) return status;
      }
      weight_ += row_bytes_;
    }
    if (in_chunks) cursor_.Leave();
    return true;
  }

  /// The value does not fit what was announced: all of them are looked at again before the next announcement.
  absl::Status Misfit(const Field& field) const {
    forget_();
    return absl::AbortedError(absl::StrCat("table '", name_, "', column '", field.name,
                                           "': a new value does not fit the type that was announced"));
  }

  absl::Status Append(sqlite3_stmt* row, int at, const Field& field, ColumnBuffer* buffer, LargeSink* sink) {
    const bool any = field.storage == Storage::kAny;
    switch (sqlite3_column_type(row, at)) {
      case SQLITE_NULL:
        if (!field.nullable) return Misfit(field);
        buffer->AppendNull();
        row_bytes_ += 1;
        return absl::OkStatus();
      case SQLITE_INTEGER:
        if (field.storage != Storage::kInts && !any) return Misfit(field);
        buffer->AppendInt(sqlite3_column_int64(row, at));
        row_bytes_ += sizeof(std::int64_t);
        return absl::OkStatus();
      case SQLITE_FLOAT: {
        if (field.storage != Storage::kDoubles && !any) return Misfit(field);
        const double value = sqlite3_column_double(row, at);
        if (!std::isfinite(value)) return Infinite(field.name);
        buffer->AppendDouble(value);
        row_bytes_ += sizeof(double);
        return absl::OkStatus();
      }
      case SQLITE_TEXT: {
        if (field.storage != Storage::kBytes && !any) return Misfit(field);
        const std::string_view text = TextOf(row, at);
        const bool good = IsText(text);
        if (!good && !any) return Misfit(field);
        AppendBytes(text, good ? Kind::kText : Kind::kRawText, field, buffer, sink);
        return absl::OkStatus();
      }
      default:
        if (!any) return Misfit(field);
        AppendBytes(BlobOf(row, at), Kind::kBlob, field, buffer, sink);
        return absl::OkStatus();
    }
  }

  void AppendBytes(std::string_view bytes, Kind kind, const Field& field, ColumnBuffer* buffer,
                   LargeSink* sink) {
    if (row_bytes_ + bytes.size() > kRowBytes && !bytes.empty() && !field.in_key) {
      const std::uint64_t id = sink->NewValue();
      deferred_.push_back({id, std::string(bytes)});
      weight_ += bytes.size();  // It is on its way, too.
      buffer->AppendLarge(id, bytes.size(), kind);
      return;
    }
    buffer->AppendBytes(bytes, kind);
    row_bytes_ += bytes.size() + 2;
  }

  absl::Status Infinite(const std::string& column) const {
    return absl::InvalidArgumentError(
        absl::StrCat("table '", name_, "', column '", column,
                     "': an infinity, which no mirror holds. Nothing of the table is ",
                     "committed; set the value to NULL, or leave the table out with 'skip'"));
  }

  absl::Status SendDeferred(LargeSink* sink) {
    for (const Deferred& value : deferred_) {
      if (absl::Status status = sink->Part(value.value_id, 0, value.bytes); !status.ok()) return status;
    }
    deferred_.clear();
    return absl::OkStatus();
  }

  /// One row column by column, each in a look of its own.
  absl::Status AppendHeavy(RowBlock* block, LargeSink* sink) {
    row_bytes_ = 0;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      absl::Status status = AppendHeavyField(fields_[i], &block->columns[i], sink);
      if (status.ok()) status = SendDeferred(sink);
      if (!status.ok()) return status;
    }
    weight_ += row_bytes_;
    return absl::OkStatus();
  }

  absl::Status AppendHeavyField(const Field& field, ColumnBuffer* buffer, LargeSink* sink) {
    SqliteCursor::Heavy heavy;
    {
      if (absl::Status status = Begin(); !status.ok()) return status;
      const Look look(*file_);
      const absl::StatusOr<bool> light = cursor_.HeavyValue(
          field.column, [&](sqlite3_stmt* row) { return Append(row, 0, field, buffer, sink); });
      if (!light.ok()) return light.status();
      if (*light) return absl::OkStatus();
      const auto size = cursor_.HeavySize(field.column);
      if (!size.ok()) return size.status();
      heavy = *size;
    }
    if (heavy.size > WireLimits{}.value_bytes_max) {
      return absl::InvalidArgumentError(
          absl::StrCat("table '", name_, "', column '", field.name, "': a value of ", heavy.size, " bytes; ",
                       WireLimits{}.value_bytes_max, " is the most. Leave the table out with 'skip'"));
    }
    const bool any = field.storage == Storage::kAny;
    if (!any && !heavy.text) return Misfit(field);
    const std::uint64_t id = sink->NewValue();
    TextCheck check;
    for (std::uint64_t at = 0; at < heavy.size; at += kPartBytesMax) {
      const std::size_t size = std::min<std::uint64_t>(kPartBytesMax, heavy.size - at);
      std::string piece;
      {
        if (absl::Status status = Begin(); !status.ok()) return status;
        const Look look(*file_);
        auto read = cursor_.HeavyPiece(field.column, at, size);
        if (!read.ok()) return read.status();
        piece = *std::move(read);
      }
      if (heavy.text) check.Add(piece);
      if (absl::Status status = sink->Part(id, at, piece); !status.ok()) return status;
    }
    if (heavy.text && !check.Good() && !any) return Misfit(field);
    buffer->AppendLarge(id, heavy.size,
                        !heavy.text    ? Kind::kBlob
                        : check.Good() ? Kind::kText
                                       : Kind::kRawText);
    return absl::OkStatus();
  }

  std::shared_ptr<const SqliteFile> file_;
  std::string name_;
  SqliteCursor cursor_;
  std::vector<Field> fields_;
  std::int64_t schema_version_;
  std::function<void()> forget_;
  mutable std::optional<std::int64_t> data_version_;
  bool heavy_ = false;         ///< The cursor stands on a row that AppendHeavy has to read.
  std::size_t weight_ = 0;     ///< Bytes given in this call of Next.
  std::size_t row_bytes_ = 0;  ///< Bytes of the row at hand that stand in the block.
  std::vector<Deferred> deferred_;
};

class SqliteReader : public SourceReader {
 public:
  explicit SqliteReader(SqliteReaderOptions options) : options_(std::move(options)) {}

  SourceMark Mark() const override { return file_ == nullptr ? SourceMark{} : file_->mark(); }

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    if (absl::Status status = OpenFile(); !status.ok()) return status;
    if (absl::Status status = file_->BeginLook(); !status.ok()) return status;
    const Look look(*file_);
    absl::StatusOr<std::vector<std::string>> all = ListTables(*file_);
    if (!all.ok()) return all.status();
    std::erase_if(*all, [this](const std::string& name) { return !Wanted(name); });
    return all;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    tables_.clear();
    file_.reset();
    absl::StatusOr<std::vector<std::string>> names = TableNames();
    if (!names.ok()) return names.status();
    const absl::StatusOr<std::int64_t> version = file_->Number("PRAGMA schema_version");
    if (!version.ok()) return version.status();
    schema_version_ = *version;
    SourceSchema schema;
    for (const std::string& name : *names) {
      if (const absl::Status status = CheckName(name, "its name"); !status.ok()) {
        schema.refused.push_back(
            {CountUtf8(name) ? name : "(a name that is not UTF-8)", std::string(status.message())});
        continue;
      }
      absl::StatusOr<SourceTable> table = LookAt(name);
      if (!table.ok()) return table.status();
      schema.tables.push_back(*std::move(table));
    }
    return schema;
  }

  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    const Known* known = Find(table);
    if (known == nullptr) return Unknown(table);
    const std::string from = absl::StrCat(" FROM main.", QuoteName(known->plan->schema.name));
    const std::string& rowid = known->plan->rowid;
    if (file_->access() == Access::kChunks && !rowid.empty()) return CountInLooks(from, rowid);
    if (absl::Status status = file_->BeginLook(); !status.ok()) return status;
    const Look look(*file_);
    const absl::StatusOr<std::int64_t> count = file_->Number(absl::StrCat("SELECT count(*)", from));
    if (!count.ok()) return count.status();
    return static_cast<std::uint64_t>(*count);
  }

  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    const Known* known = Find(table);
    if (known == nullptr) return Unknown(table);
    const bool by_key = !known->schema.Key().empty() && !known->plan->key_order.empty();
    absl::StatusOr<SqliteCursor> cursor = SqliteCursor::Open(
        file_, known->plan, by_key ? known->plan->key_order : known->plan->steady_order, columns);
    if (!cursor.ok()) return cursor.status();
    return std::make_unique<SqliteTableReader>(file_, *known, *std::move(cursor), columns, schema_version_,
                                               [this, name = known->schema.name] { Forget(name); });
  }

  void Forget(const std::string& table) override { options_.records.erase(table); }

 private:
  absl::Status OpenFile() {
    if (file_ != nullptr) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(options_.path);
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
    return absl::OkStatus();
  }

  bool Wanted(const std::string& name) const {
    const auto fits = [&name](const std::string& pattern) { return MatchesPattern(name, pattern); };
    return std::any_of(options_.include.begin(), options_.include.end(), fits) &&
           std::none_of(options_.skip.begin(), options_.skip.end(), fits);
  }

  const Known* Find(const std::string& table) const {
    const auto found = tables_.find(table);
    return found == tables_.end() ? nullptr : &found->second;
  }
  static absl::Status Unknown(const std::string& table) {
    return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
  }

  /// Errors: the whole source cannot be read. What is wrong with one table is in its `problem`.
  absl::StatusOr<SourceTable> LookAt(const std::string& name) {
    SourceTable table;
    absl::StatusOr<TablePlan> planned = PlanInLook(name);
    if (!planned.ok()) return planned.status();
    const auto plan = std::make_shared<const TablePlan>(*std::move(planned));
    table.schema = plan->schema;
    if (const absl::Status status = CheckTable(plan->schema); !status.ok()) {
      table.problem = std::string(status.message());
    } else if (const auto found = Recorded(*plan)) {
      table.schema = *found;
      table.record = options_.records[name];
    } else if (absl::Status scanned = Scan(plan, &table); !scanned.ok()) {
      return scanned;
    }
    tables_[name] = Known{plan, table.schema};
    return table;
  }

  absl::StatusOr<TablePlan> PlanInLook(const std::string& name) const {
    if (absl::Status status = file_->BeginLook(); !status.ok()) return status;
    const Look look(*file_);
    return PlanTable(*file_, name);
  }

  std::optional<TableSchema> Recorded(const TablePlan& plan) const {
    const auto record = options_.records.find(plan.schema.name);
    if (record == options_.records.end()) return std::nullopt;
    return ApplyRecord(plan.schema, record->second);
  }

  absl::Status Scan(const std::shared_ptr<const TablePlan>& plan, SourceTable* table) {
    TypeScan scan(file_, plan);
    const absl::Status status = scan.Run();
    if (absl::IsUnavailable(status) || absl::IsAborted(status)) return status;
    if (!status.ok()) {
      table->problem = std::string(status.message());
      return absl::OkStatus();
    }
    table->schema = scan.Found();
    if (!scan.infinite_column().empty()) {
      table->problem =
          absl::StrCat("column '", scan.infinite_column(), "' of table '", plan->schema.name,
                       "' holds an infinity, which no mirror holds: set the value to NULL, or leave ",
                       "the table out with 'skip'");
      return absl::OkStatus();
    }
    table->record = MakeRecord(plan->schema, table->schema);
    options_.records[plan->schema.name] = table->record;
    return absl::OkStatus();
  }

  absl::StatusOr<std::uint64_t> CountInLooks(const std::string& from, const std::string& rowid) const {
    const absl::StatusOr<Statement> statement =
        file_->Prepare(absl::StrCat("SELECT count(*), max(r) FROM (SELECT ", rowid, " AS r", from, " WHERE ",
                                    rowid, " >= ?1 ORDER BY ", rowid, " LIMIT ", kCountRows, ")"));
    if (!statement.ok()) return statement.status();
    std::uint64_t count = 0;
    for (std::int64_t next = INT64_MIN;;) {
      if (absl::Status status = file_->BeginLook(); !status.ok()) return status;
      const Look look(*file_);
      sqlite3_bind_int64(statement->get(), 1, next);
      const int code = sqlite3_step(statement->get());
      if (code != SQLITE_ROW) {
        statement->Reset();
        return file_->Error(code, "counting rows");
      }
      const std::int64_t rows = sqlite3_column_int64(statement->get(), 0);
      const std::int64_t last = sqlite3_column_int64(statement->get(), 1);
      statement->Reset();
      count += static_cast<std::uint64_t>(rows);
      if (rows < kCountRows || last == INT64_MAX) return count;
      next = last + 1;
    }
  }

  SqliteReaderOptions options_;
  std::shared_ptr<const SqliteFile> file_;
  std::int64_t schema_version_ = 0;
  std::map<std::string, Known> tables_;
};

}  // namespace

std::unique_ptr<SourceReader> OpenSqliteReader(SqliteReaderOptions options) {
  return std::make_unique<SqliteReader>(std::move(options));
}

}  // namespace mirror
