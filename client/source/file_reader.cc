#include "client/source/file_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/source/file_value.h"
#include "client/source/row_filter.h"
#include "client/source/sorted_digests.h"
#include "client/source/sqlite_key.h"
#include "client/source/value_turner.h"
#include "client/source/xlsx_rows.h"
#include "proto/wire/clock.h"
#include "proto/wire/limits.h"
#include "proto/wire/name_pattern.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/utf8.h"

namespace mirror {
namespace {

using Json = nlohmann::json;
/// A longer text travels in parts.
constexpr std::size_t kTextInBlock = 1 << 20;
/// Keys of rows that were left out; with more of them no row that did not come counts as gone.
constexpr std::size_t kUntoldKept = 1'000'000;

/// One table of the present look.
struct Known {
  FileTable table;
  std::string path;
  struct stat status = {};
  TableSchema schema;  ///< As its values stand in the file.
  const TenantHashKey* hash_key = nullptr;
  std::vector<bool> guessed;  ///< Of each column, whether its type is.
  std::string later;
  std::string mended;      ///< A file with rows that count as its own, behind them; empty: there is none.
  std::uint64_t rows = 0;  ///< Of the last scan.

  bool HasHeader(const std::vector<std::string>& header) const {
    return std::equal(header.begin(), header.end(), schema.columns.begin(), schema.columns.end(),
                      [](const std::string& name, const Column& column) { return name == column.name; });
  }
  /// As its values are given.
  TableSchema Given() const {
    TableSchema given = schema;
    for (Column& column : given.columns) {
      if (table.steps.TurnOf(column.name).rule != Rule::kPlain) TurnToText(&column);
    }
    return given;
  }
  bool Moved() const {
    struct stat now = {};
    return stat(path.c_str(), &now) != 0 || now.st_dev != status.st_dev || now.st_ino != status.st_ino ||
           now.st_size != status.st_size || now.st_mtim.tv_sec != status.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != status.st_mtim.tv_nsec;
  }
  absl::Status CheckEnd() const {
    if (!Moved()) return absl::OkStatus();
    return absl::AbortedError(absl::StrCat("'", path, "' was replaced or written to while it was read"));
  }
};

absl::StatusOr<std::unique_ptr<FileRows>> OpenRows(const std::string& path, const FileTable& table) {
  return table.workbook ? OpenXlsx(path, table.sheet) : OpenCsv(path, table.csv);
}

bool IsWellText(std::string_view text) { return IsAscii(text) || CountUtf8(text).has_value(); }

/// The rows of a table that are to be sent, with their values as they are given.
class TypedRows {
 public:
  enum class Step { kRow, kReject, kEnd };

  static absl::StatusOr<TypedRows> Open(const Known& known) {
    absl::StatusOr<std::unique_ptr<FileRows>> rows = OpenRows(known.path, known.table);
    if (!rows.ok()) return rows.status();
    if (!known.HasHeader((*rows)->header()))
      return absl::AbortedError(absl::StrCat("'", known.path, "' has another header by now"));
    TypedRows typed(known, *std::move(rows));
    if (known.table.steps.where.empty()) return typed;
    absl::StatusOr<RowFilter> filter = MakeFilter(known);
    if (!filter.ok()) return filter.status();
    typed.filter_ = *std::move(filter);
    return typed;
  }
  static absl::StatusOr<std::unique_ptr<FileRows>> OpenMended(const Known& known) {
    absl::StatusOr<std::unique_ptr<FileRows>> rows = OpenCsv(known.mended, known.table.csv);
    if (!rows.ok()) return rows;
    if (known.HasHeader((*rows)->header())) return rows;
    return absl::InvalidArgumentError(
        absl::StrCat("'", known.mended, "' has another first line than '", known.path,
                     "': give it the same, or take the file away. Nothing of the table was sent"));
  }
  static absl::StatusOr<RowFilter> MakeFilter(const Known& known) {
    const TableSteps& steps = known.table.steps;
    absl::StatusOr<RowFilter> filter = RowFilter::Make(known.schema, steps.where);
    if (!absl::IsInvalidArgument(filter.status())) return filter;
    return WrongSteps(
        steps, absl::StrCat("table '", steps.table,
                            "': 'where' is not what SQLite can decide by: ", filter.status().message()));
  }

  /// kOutOfRange: a value does not fit the type that was guessed.
  absl::StatusOr<Step> Next() {
    for (;;) {
      const absl::StatusOr<Step> step = NextOfFile();
      if (!step.ok() || *step != Step::kRow) return step;
      const absl::StatusOr<bool> matches = Matches();
      if (!matches.ok()) return matches.status();
      if (!*matches) continue;
      absl::Status turned = TurnValues();
      return turned.ok() ? step : turned;
    }
  }

  const std::vector<Value>& values() const { return values_; }
  const FileRow& row() const { return row_; }
  const std::string& raw_header() const { return rows_->raw_header(); }
  const std::string& reason() const { return reason_; }

  /// These are its key for ReadKey().
  void SetKey(const std::vector<std::uint32_t>& columns) { key_ = columns; }

  /// Of the present row; absent: it has none.
  std::optional<Key> ReadKey() const {
    if (!has_values_) return std::nullopt;
    Key key;
    for (const std::uint32_t column : key_) {
      const Value& value = values_[column];
      if (value.kind == Kind::kNull) return std::nullopt;
      KeyPart& part = key.emplace_back();
      part.kind = value.kind;
      part.integer = value.integer;
      part.real = value.real;
      part.bytes = std::string(value.bytes);
    }
    return key;
  }

 private:
  TypedRows(const Known& known, std::unique_ptr<FileRows> rows)
      : known_(&known),
        key_(known.schema.Key()),
        rows_(std::move(rows)),
        turner_(std::make_unique<ValueTurner>(known.hash_key)) {
    for (std::size_t i = 0; i < known.schema.columns.size(); ++i) {
      const TableSteps::Turn turn = known.table.steps.TurnOf(known.schema.columns[i].name);
      if (turn.rule != Rule::kPlain) turns_.push_back({i, turn, ""});
    }
  }

  absl::StatusOr<bool> Matches() {
    if (!filter_) return true;
    for (std::size_t i = 0; i < values_.size(); ++i) filter_->Bind(i, values_[i]);
    return filter_->Matches();
  }

  absl::Status TurnValues() {
    for (Turned& turned : turns_) {
      Value& value = values_[turned.column];
      if (value.kind == Kind::kNull) continue;
      if (!turner_->Turn(turned.turn, value, &turned.text))
        return absl::UnavailableError(absl::StrCat("a value of '", known_->path, "' could not be hashed"));
      value = {Kind::kText, 0, 0, turned.text};
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Step> NextOfFile() {
    const absl::StatusOr<bool> there = rows_->Next(&row_);
    if (!there.ok()) return there.status();
    if (!*there) {
      if (absl::Status end = known_->CheckEnd(); !end.ok()) return end;
      if (known_->mended.empty() || std::exchange(mended_, true)) return Step::kEnd;
      absl::StatusOr<std::unique_ptr<FileRows>> rows = OpenMended(*known_);
      if (!rows.ok()) return rows.status();
      rows_ = *std::move(rows);
      return NextOfFile();
    }
    reason_ = row_.wrong;
    if (!reason_.empty() && mended_) reason_ = absl::StrCat("of '", known_->mended, "': ", reason_);
    has_values_ = row_.fields.size() == known_->schema.columns.size();
    if (!reason_.empty() && !has_values_) return Step::kReject;
    values_.resize(row_.fields.size());
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (absl::Status read = Read(i); !read.ok()) return read;
    }
    return reason_.empty() ? Step::kRow : Step::kReject;
  }

  absl::Status Read(std::size_t at) {
    const Column& column = known_->schema.columns[at];
    const std::optional<std::string_view>& field = row_.fields[at];
    Value& value = values_[at];
    value = Value();
    // Two quotes are a text, and no number.
    if (!field || (field->empty() && column.type != Type::kText)) {
      if (column.key_position > 0) Reject(at, "the key has no value");
      return absl::OkStatus();
    }
    bool fits = true;
    if (column.type == Type::kInt64) {
      const auto integer = known_->guessed[at] ? ReadInteger(*field) : ReadDeclaredInteger(*field);
      fits = integer.has_value();
      if (fits) value = {Kind::kInteger, *integer, 0, {}};
    } else if (column.type == Type::kDouble) {
      const auto real = known_->guessed[at] ? ReadReal(*field) : ReadDeclaredReal(*field);
      fits = real.has_value();
      if (fits) value = {Kind::kReal, 0, *real, {}};
    } else if (IsWellText(*field)) {
      value = {Kind::kText, 0, 0, *field};
    } else {
      Reject(at, "not UTF-8; 'encoding' of the table may say what it is");
    }
    if (fits) return absl::OkStatus();
    if (known_->guessed[at]) return absl::OutOfRangeError("the type that was guessed is too narrow");
    Reject(at, column.type == Type::kInt64 ? "not an integer" : "not a number");
    return absl::OkStatus();
  }

  void Reject(std::size_t at, std::string_view why) {
    if (!reason_.empty()) return;
    if (mended_) reason_ = absl::StrCat("of '", known_->mended, "': ");
    absl::StrAppend(&reason_, "column '", known_->schema.columns[at].name, "': ", std::string(why));
  }

  const Known* known_;
  std::vector<std::uint32_t> key_;
  std::unique_ptr<FileRows> rows_;
  FileRow row_;
  std::vector<Value> values_;
  std::string reason_;
  bool mended_ = false;      ///< The rows of `known_->mended` are read.
  bool has_values_ = false;  ///< Of the present row, also of a wrong one.
  std::optional<RowFilter> filter_;
  struct Turned {
    std::size_t column = 0;
    TableSteps::Turn turn;
    std::string text;  ///< Of the present row.
  };
  std::vector<Turned> turns_;
  std::unique_ptr<ValueTurner> turner_;
};

void AddTo(RowDigest* digest, const Value& value) {
  switch (value.kind) {
    case Kind::kInteger:
      return digest->AddInteger(value.integer);
    case Kind::kReal:
      return digest->AddReal(value.real);
    case Kind::kText:
      return digest->AddText(value.bytes);
    default:
      return digest->AddNull();
  }
}

/// Puts rows into blocks.
class RowAppender {
 public:
  explicit RowAppender(std::vector<std::uint32_t> columns) : columns_(std::move(columns)) {}

  /// What the row weighs.
  absl::StatusOr<std::size_t> Append(const TypedRows& rows, const std::vector<std::uint32_t>& key,
                                     RowBlock* block, LargeSink* sink) const {
    std::size_t weight = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Value& value = rows.values()[columns_[i]];
      ColumnBuffer& buffer = block->columns[i];
      weight += value.bytes.size() + sizeof(std::int64_t);
      switch (value.kind) {
        case Kind::kInteger:
          buffer.AppendInt(value.integer);
          break;
        case Kind::kReal:
          buffer.AppendDouble(value.real);
          break;
        case Kind::kText:
          if (value.bytes.size() > kTextInBlock &&
              std::find(key.begin(), key.end(), columns_[i]) == key.end()) {
            if (absl::Status sent = SendLarge(value.bytes, &buffer, sink); !sent.ok()) return sent;
          } else {
            buffer.AppendBytes(value.bytes);
          }
          break;
        default:
          buffer.AppendNull();
      }
    }
    return weight;
  }

 private:
  static absl::Status SendLarge(std::string_view text, ColumnBuffer* buffer, LargeSink* sink) {
    const std::uint64_t id = sink->NewValue();
    for (std::size_t at = 0; at < text.size(); at += kPartBytesMax) {
      absl::Status sent = sink->Part(buffer->column(), id, at, text.substr(at, kPartBytesMax));
      if (!sent.ok()) return sent;
    }
    buffer->AppendLarge(id, text.size(), Kind::kText);
    return absl::OkStatus();
  }

  const std::vector<std::uint32_t> columns_;
};

/// Text in which no two keys are the same.
std::string Packed(const Key& key) {
  std::string packed;
  for (const KeyPart& part : key) {
    packed.push_back(static_cast<char>(part.kind));
    switch (part.kind) {
      case Kind::kInteger:
        packed.append(reinterpret_cast<const char*>(&part.integer), sizeof part.integer);
        break;
      case Kind::kReal:
        packed.append(reinterpret_cast<const char*>(&part.real), sizeof part.real);
        break;
      default: {
        const std::size_t size = part.bytes.size();
        packed.append(reinterpret_cast<const char*>(&size), sizeof size);
        packed.append(part.bytes);
      }
    }
  }
  return packed;
}

/// Rows by key: one pass over the file.
class FileKeyRows : public ChangeReader {
 public:
  FileKeyRows(const Known& known, TypedRows rows, const std::vector<std::uint32_t>& columns,
              std::vector<Key> keys)
      : schema_(known.Given()),
        key_(known.schema.Key()),
        columns_(columns),
        rows_(std::move(rows)),
        appender_(columns),
        keys_(std::move(keys)) {
    for (const Key& key : keys_) wanted_.insert(Packed(key));
  }

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    ChangePiece piece;
    RowBlock block = RowBlock::For(schema_, columns_);
    std::size_t weight = 0;
    while (!at_end_ && weight < size.bytes && block.rows() < size.rows) {
      const absl::StatusOr<TypedRows::Step> step = rows_.Next();
      if (!step.ok()) return step.status();
      at_end_ = *step == TypedRows::Step::kEnd;
      if (*step != TypedRows::Step::kRow) continue;
      const std::optional<Key> key = rows_.ReadKey();
      // The first of each key.
      if (!key || wanted_.erase(Packed(*key)) == 0) continue;
      const absl::StatusOr<std::size_t> appended = appender_.Append(rows_, key_, &block, sink);
      if (!appended.ok()) return appended.status();
      weight += *appended;
    }
    if (block.rows() > 0) piece.blocks.push_back({Operation::kInsert, std::move(block)});
    if (at_end_) {
      RowBlock gone = RowBlock::For(schema_, key_);
      for (; next_ < keys_.size() && gone.rows() < size.rows && gone.bytes() < size.bytes; ++next_) {
        if (wanted_.contains(Packed(keys_[next_]))) AppendKey(keys_[next_], &gone);
      }
      if (gone.rows() > 0) piece.blocks.insert(piece.blocks.begin(), {Operation::kDelete, std::move(gone)});
      piece.last = next_ == keys_.size();
    }
    return piece;
  }

 private:
  const TableSchema schema_;
  const std::vector<std::uint32_t> key_, columns_;
  TypedRows rows_;
  const RowAppender appender_;
  const std::vector<Key> keys_;
  std::unordered_set<std::string> wanted_;
  bool at_end_ = false;
  std::size_t next_ = 0;
};

/// What could not be taken, for the person and for the file of rejects.
class Rejects {
 public:
  Rejects(const Known& known, std::string header, const std::string& folder)
      : known_(known),
        header_(std::move(header)),
        path_(absl::StrCat(folder, "/", known.table.name, ".csv")),
        folder_(folder) {}

  void Add(const FileRow& row, const std::string& reason, bool has_key) {
    no_key_ = no_key_ || !has_key;
    if (count_++ < kRejectsDescribed) {
      absl::StrAppend(&described_, described_.empty() ? "" : "; ", "line ", row.line, ", ", reason);
    }
    if (folder_.empty()) return;
    if (!file_.is_open()) Open();
    file_ << row.raw;
    if (!row.raw.ends_with('\n')) file_ << '\n';
  }

  std::vector<std::string> End() {
    std::error_code error;
    if (count_ == 0) {
      if (!folder_.empty()) std::filesystem::remove(path_, error);
      return {};
    }
    if (!folder_.empty()) {
      file_.close();
      std::filesystem::rename(path_ + ".new", path_, error);
    }
    const bool kept = file_.good() && !error;
    return {absl::StrCat(
        "'", known_.path, "': ", count_, count_ == 1 ? " row was" : " rows were", " left out: ", described_,
        count_ > kRejectsDescribed ? absl::StrCat("; and ", count_ - kRejectsDescribed, " more") : "",
        no_key_ ? ". Of some not even the key can be read: no row of the table is taken for gone" : "",
        folder_.empty() ? ""
        : kept          ? absl::StrCat(". They are in '", path_, "'")
                        : absl::StrCat(". '", path_, "' cannot be written"))};
  }

 private:
  void Open() {
    std::error_code error;
    // One that is there may be shared with who mends the rows.
    if (std::filesystem::create_directories(folder_, error)) {
      std::filesystem::permissions(folder_, std::filesystem::perms::owner_all, error);
    }
    file_.open(path_ + ".new", std::ios::trunc | std::ios::binary);
    file_ << header_;
  }

  const Known& known_;
  const std::string header_, path_, folder_;
  std::ofstream file_;
  std::uint64_t count_ = 0;
  bool no_key_ = false;
  std::string described_;
};

class FileTableReader : public TableReader {
 public:
  FileTableReader(Known& known, TypedRows rows, const std::vector<std::uint32_t>& columns,
                  const std::string& rejects, std::function<absl::Status()> widen)
      : known_(known),
        key_(known.schema.Key()),
        rows_(std::move(rows)),
        appender_(columns),
        rejects_(known, rows_.raw_header(), rejects),
        widen_(std::move(widen)) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    std::size_t weight = 0;
    while (weight < size.bytes && block->rows() < size.rows) {
      const absl::StatusOr<TypedRows::Step> step = rows_.Next();
      if (absl::IsOutOfRange(step.status())) return widen_();
      if (!step.ok()) return step.status();
      if (*step == TypedRows::Step::kEnd) {
        known_.rows = counted_;
        notes_ = rejects_.End();
        return false;
      }
      if (*step == TypedRows::Step::kReject) {
        const bool has_key = rows_.ReadKey().has_value();
        rejects_.Add(rows_.row(), rows_.reason(), has_key || key_.empty());
        partial_ = partial_ || !has_key;
        continue;
      }
      ++counted_;
      const absl::StatusOr<std::size_t> appended = appender_.Append(rows_, key_, block, sink);
      if (!appended.ok()) return appended.status();
      weight += *appended;
    }
    return true;
  }
  std::vector<std::string> Notes() override { return notes_; }
  bool partial() const override { return partial_; }

 private:
  Known& known_;
  const std::vector<std::uint32_t> key_;
  TypedRows rows_;
  const RowAppender appender_;
  Rejects rejects_;
  const std::function<absl::Status()> widen_;
  std::uint64_t counted_ = 0;
  bool partial_ = false;
  std::vector<std::string> notes_;
};

class FileScan : public DigestReader {
 public:
  FileScan(Known& known, TypedRows rows, std::vector<std::uint32_t> columns, const std::string& rejects,
           std::function<absl::Status()> widen, std::optional<RowBound> bound = std::nullopt,
           bool by_column = false)
      : known_(known),
        keyed_(!known.schema.Key().empty() || (bound && !bound->key.empty())),
        rows_(std::move(rows)),
        columns_(std::move(columns)),
        rejects_(known, rows_.raw_header(), rejects),
        widen_(std::move(widen)),
        bound_(std::move(bound)),
        by_column_(by_column) {
    if (bound_ && !bound_->key.empty()) rows_.SetKey(bound_->key);
  }

  absl::StatusOr<DigestPiece> Next(std::size_t rows, bool each) override {
    DigestPiece piece;
    while (piece.digest.rows < rows) {
      const absl::StatusOr<TypedRows::Step> step = rows_.Next();
      if (absl::IsOutOfRange(step.status())) return widen_();
      if (!step.ok()) return step.status();
      if (*step == TypedRows::Step::kEnd) {
        piece.end = true;
        // Behind all rows: a mended one may have the same key.
        piece.untold = std::move(untold_);
        piece.notes = rejects_.End();
        known_.rows = counted_;
        break;
      }
      std::optional<Key> key = keyed_ ? rows_.ReadKey() : std::nullopt;
      if (*step == TypedRows::Step::kReject) {
        rejects_.Add(rows_.row(), rows_.reason(), key.has_value() || !keyed_);
        if (key && untold_.size() < kUntoldKept) {
          untold_.push_back(*std::move(key));
        } else {
          piece.partial = true;
        }
        continue;
      }
      ++counted_;
      if (!IsWithin(&piece)) continue;
      std::string hashes;
      for (const std::uint32_t column : columns_) {
        AddTo(&digest_, rows_.values()[column]);
        if (!by_column_) continue;
        const std::uint64_t hash = digest_.Finish();
        hashes.append(reinterpret_cast<const char*>(&hash), sizeof hash);
      }
      if (by_column_) digest_.AddBytes(hashes);
      const std::uint64_t digest = digest_.Finish();
      piece.digest.Add(digest);
      if (!each || !key) continue;
      piece.rows.emplace_back(*std::move(key), digest);
      if (by_column_) piece.by_column.push_back(std::move(hashes));
    }
    return piece;
  }

  absl::Status Seek(const Key& /*key*/) override {
    return absl::UnimplementedError("the rows of a file come in its order");
  }

 private:
  bool IsWithin(DigestPiece* piece) {
    if (!bound_) return true;
    const Value& value = rows_.values()[bound_->column];
    KeyPart part{value.kind, value.integer, value.real, std::string(value.bytes)};
    if (part.kind == Kind::kNull || part < bound_->from) return false;
    if (greatest_.kind == Kind::kNull || greatest_ < part) greatest_ = std::move(part);
    piece->greatest = greatest_;
    return true;
  }

  Known& known_;
  const bool keyed_;
  TypedRows rows_;
  const std::vector<std::uint32_t> columns_;
  RowDigest digest_;
  Rejects rejects_;
  const std::function<absl::Status()> widen_;
  std::vector<Key> untold_;
  const std::optional<RowBound> bound_;
  const bool by_column_;
  KeyPart greatest_;
  std::uint64_t counted_ = 0;
};

class FileReader : public SourceReader {
 public:
  explicit FileReader(FileReaderOptions options) : options_(std::move(options)) {}

  SourceMark Mark() const override { return {options_.folder}; }

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    std::vector<std::string> names;
    for (const FileTable& table : options_.tables) names.push_back(table.name);
    return names;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    absl::StatusOr<std::vector<std::string>> files = ListFiles();
    if (!files.ok()) return files.status();
    SourceSchema schema;
    tables_.clear();
    wait_ms_ = kSettleWaitMs;
    for (const FileTable& table : options_.tables) LookAt(table, *files, &schema);
    return schema;
  }

  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    Known* const known = Find(table);
    if (known == nullptr) return Unknown(table);
    return known->rows;
  }

  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    absl::StatusOr<TypedRows> rows = OpenTable(table);
    if (!rows.ok()) return rows.status();
    Known& known = *Find(table);
    return std::make_unique<FileTableReader>(known, *std::move(rows), columns, KeptRejects(),
                                             [this, &known] { return Widen(known); });
  }

  bool MayRepeatKeys(const std::string& /*table*/) override { return true; }

  absl::StatusOr<std::unique_ptr<DigestReader>> Scan(const std::string& table,
                                                     const std::vector<std::uint32_t>& columns) override {
    absl::StatusOr<TypedRows> rows = OpenTable(table);
    if (!rows.ok()) return rows.status();
    Known& known = *Find(table);
    return std::make_unique<FileScan>(known, *std::move(rows), columns, KeptRejects(),
                                      [this, &known] { return Widen(known); });
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> ScanByColumn(
      const std::string& table, const std::vector<std::uint32_t>& columns) override {
    absl::StatusOr<TypedRows> rows = OpenTable(table);
    if (!rows.ok()) return rows.status();
    Known& known = *Find(table);
    return std::make_unique<FileScan>(
        known, *std::move(rows), columns, KeptRejects(), [this, &known] { return Widen(known); },
        std::nullopt, /*by_column=*/true);
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> ScanFrom(const std::string& table,
                                                         const std::vector<std::uint32_t>& columns,
                                                         const RowBound& bound) override {
    absl::StatusOr<TypedRows> rows = OpenTable(table);
    if (!rows.ok()) return rows.status();
    Known& known = *Find(table);
    return std::make_unique<FileScan>(
        known, *std::move(rows), columns, KeptRejects(), [this, &known] { return Widen(known); }, bound);
  }

  absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) override {
    absl::StatusOr<TypedRows> rows = OpenTable(table);
    if (!rows.ok()) return rows.status();
    ColumnFacts facts;
    for (;;) {
      const absl::StatusOr<TypedRows::Step> step = rows->Next();
      if (absl::IsOutOfRange(step.status())) return Widen(*Find(table));
      if (!step.ok()) return step.status();
      if (*step == TypedRows::Step::kEnd) return facts;
      if (*step == TypedRows::Step::kReject) continue;
      const Value& value = rows->values()[column];
      if (value.kind == Kind::kNull) {
        ++facts.nulls;
        continue;
      }
      KeyPart part{value.kind, value.integer, value.real, std::string(value.bytes)};
      if (facts.greatest.kind == Kind::kNull || facts.greatest < part) facts.greatest = std::move(part);
    }
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns) override {
    absl::StatusOr<std::unique_ptr<DigestReader>> scan = Scan(table, columns);
    if (!scan.ok()) return scan;
    const std::size_t key_parts = Find(table)->schema.Key().size();
    return key_parts == 0 ? std::move(scan) : SortRows(*std::move(scan), key_parts);
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override {
    absl::StatusOr<TypedRows> rows = OpenTable(table);
    if (!rows.ok()) return rows.status();
    return std::make_unique<FileKeyRows>(*Find(table), *std::move(rows), columns, std::move(keys));
  }

  /// Each takes a pass over the file.
  std::size_t KeysAtATime() const override { return 500'000; }

 private:
  absl::StatusOr<std::vector<std::string>> ListFiles() const {
    std::error_code error;
    std::vector<std::string> files;
    for (std::filesystem::directory_iterator entry(options_.folder, error), end; !error && entry != end;
         entry.increment(error)) {
      if (entry->is_regular_file(error)) files.push_back(entry->path().filename().string());
    }
    if (error) {
      return absl::NotFoundError(absl::StrCat("the folder '", options_.folder, "' cannot be read (",
                                              error.message(),
                                              "): correct 'folder' of its [[source]]. Nothing was sent"));
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  void LookAt(const FileTable& table, const std::vector<std::string>& files, SourceSchema* schema) {
    Known known;
    known.table = table;
    if (options_.hash_key) known.hash_key = &*options_.hash_key;
    const auto newest = std::find_if(files.rbegin(), files.rend(), [&](const std::string& file) {
      return MatchesExactly(file, table.file);
    });
    std::string problem;
    if (newest == files.rend()) {
      problem = absl::StrCat("there is no file '", table.file, "' in '", options_.folder, "'");
    } else {
      known.path = absl::StrCat(options_.folder, "/", *newest);
      if (stat(known.path.c_str(), &known.status) != 0) {
        problem = absl::StrCat("'", known.path, "' cannot be read: ", std::strerror(errno));
      } else if (!HasSettled(&known)) {
        known.later = absl::StrCat("'", known.path, "' is still being written: it is left for the next run");
      }
    }
    const bool recorded = TakeRecord(&known);
    if (problem.empty() && known.later.empty()) {
      if (absl::Status read = ReadHeader(&known); !read.ok()) problem = std::string(read.message());
    }
    if (known.schema.columns.empty() || (!recorded && !known.later.empty())) {
      schema->refused.push_back({table.name, problem.empty() ? known.later : problem});
      return;
    }
    if (problem.empty() && known.later.empty()) problem = FindMended(&known);
    const absl::Status steps = CheckSteps(known.schema, table.steps);
    if (problem.empty()) problem = std::string(steps.message());
    if (problem.empty() && !table.steps.where.empty())
      problem = std::string(TypedRows::MakeFilter(known).status().message());
    SourceTable& source = schema->tables.emplace_back();
    source.schema = steps.ok() ? known.Given() : known.schema;
    source.problem = std::move(problem);
    source.later = known.later;
    source.record = MakeRecord(known);
    options_.records[table.name] = source.record;
    tables_.emplace(FoldName(table.name), std::move(known));
  }

  /// Waits for it, as long as this look may.
  bool HasSettled(Known* known) {
    const auto left_ms = [&] {
      const std::int64_t written_ms =
          known->status.st_mtim.tv_sec * std::int64_t{1'000} + known->status.st_mtim.tv_nsec / 1'000'000;
      const std::int64_t age_ms = NowMs() - written_ms;
      return age_ms < 0 ? 0 : options_.settle_ms - age_ms;
    };
    const std::int64_t wait_ms = left_ms();
    if (wait_ms <= 0) return true;
    if (wait_ms > wait_ms_) return false;
    wait_ms_ -= wait_ms;
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    return stat(known->path.c_str(), &known->status) == 0 && left_ms() <= 0;
  }

  std::string KeptRejects() const { return options_.keeps_rejects ? options_.rejects : ""; }

  /// Rows that were left out, mended, and put beside the file of rejects. Gives what is wrong with them.
  std::string FindMended(Known* known) const {
    if (options_.rejects.empty()) return "";
    known->mended = absl::StrCat(options_.rejects, "/", known->table.name, ".mended.csv");
    struct stat status = {};
    if (stat(known->mended.c_str(), &status) != 0) known->mended.clear();
    if (known->mended.empty()) return "";
    return std::string(TypedRows::OpenMended(*known).status().message());
  }

  /// What the table was in the last run.
  bool TakeRecord(Known* known) const {
    const auto record = options_.records.find(known->table.name);
    if (record == options_.records.end()) return false;
    const Json json = Json::parse(record->second, nullptr, /*allow_exceptions=*/false);
    if (!json.is_array()) return false;
    std::vector<std::pair<std::string, Type>> columns;
    for (const Json& column : json) {
      if (!column.is_array() || column.size() != 2 || !column[0].is_string() ||
          !column[1].is_number_integer()) {
        return false;
      }
      columns.emplace_back(column[0].get<std::string>(), static_cast<Type>(column[1].get<int>()));
    }
    return MakeSchema(columns, known).ok();
  }

  static std::string MakeRecord(const Known& known) {
    Json json = Json::array();
    for (const Column& column : known.schema.columns) {
      json.push_back({column.name, static_cast<int>(column.type)});
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  static absl::Status MakeSchema(const std::vector<std::pair<std::string, Type>>& columns, Known* known) {
    TableSchema schema;
    schema.name = known->table.name;
    std::vector<bool> guessed;
    for (const auto& [name, type] : columns) {
      Column& column = schema.columns.emplace_back();
      column.name = name;
      const auto declared = known->table.types.find(name);
      column.type = declared == known->table.types.end() ? type : declared->second;
      guessed.push_back(declared == known->table.types.end());
      const auto part = std::find(known->table.key.begin(), known->table.key.end(), name);
      column.key_position = part == known->table.key.end()
                                ? 0
                                : static_cast<std::uint32_t>(part - known->table.key.begin()) + 1;
      column.nullable = column.key_position == 0;
      column.backfill = Backfill::kUnknown;
    }
    for (const std::string& part : known->table.key) {
      if (!schema.Find(part)) {
        return absl::InvalidArgumentError(
            absl::StrCat("'", known->path, "' has no column '", part, "', which 'key' names"));
      }
    }
    for (const auto& [name, type] : known->table.types) {
      if (!schema.Find(name)) {
        return absl::InvalidArgumentError(
            absl::StrCat("'", known->path, "' has no column '", name, "', which 'types' names"));
      }
    }
    if (absl::Status checked = CheckTable(schema); !checked.ok()) return checked;
    known->schema = std::move(schema);
    known->guessed = std::move(guessed);
    return absl::OkStatus();
  }

  /// The file's own columns; types of those that were not known are guessed.
  absl::Status ReadHeader(Known* known) const {
    const absl::StatusOr<std::unique_ptr<FileRows>> rows = OpenRows(known->path, known->table);
    if (!rows.ok()) return rows.status();
    const std::vector<std::string>& header = (*rows)->header();
    const TableSchema former = known->schema;
    std::vector<TypeGuess> guesses(header.size());
    std::vector<std::pair<std::string, Type>> columns;
    bool all_known = true;
    for (const std::string& name : header) {
      const std::optional<std::uint32_t> at = former.Find(name);
      all_known = all_known && at;
      columns.emplace_back(name, at ? former.columns[*at].type : Type::kUnspecified);
    }
    if (!all_known) {
      FileRow row;
      for (std::size_t i = 0; i < kRowsGuessed; ++i) {
        const absl::StatusOr<bool> there = (*rows)->Next(&row);
        if (!there.ok()) return there.status();
        if (!*there) break;
        if (row.wrong.empty()) Show(row, &guesses);
      }
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].second == Type::kUnspecified) columns[i].second = guesses[i].type();
    }
    return MakeSchema(columns, known);
  }

  static void Show(const FileRow& row, std::vector<TypeGuess>* guesses) {
    for (std::size_t i = 0; i < guesses->size() && i < row.fields.size(); ++i) {
      if (row.fields[i] && !row.fields[i]->empty()) (*guesses)[i].Add(*row.fields[i]);
    }
  }

  static absl::Status ShowAll(absl::StatusOr<std::unique_ptr<FileRows>> rows,
                              std::vector<TypeGuess>* guesses) {
    if (!rows.ok()) return rows.status();
    FileRow row;
    for (;;) {
      const absl::StatusOr<bool> there = (*rows)->Next(&row);
      if (!there.ok()) return there.status();
      if (!*there) return absl::OkStatus();
      if (row.wrong.empty()) Show(row, guesses);
    }
  }

  /// Looks at all values again. Gives kAborted: the table is another one now.
  absl::Status Widen(const Known& known) {
    std::vector<TypeGuess> guesses;
    for (const Column& column : known.schema.columns) guesses.emplace_back(column.type);
    if (absl::Status shown = ShowAll(OpenRows(known.path, known.table), &guesses); !shown.ok()) return shown;
    if (!known.mended.empty()) {
      absl::Status shown = ShowAll(TypedRows::OpenMended(known), &guesses);
      if (!shown.ok()) return shown;
    }
    Known wider = known;
    for (std::size_t i = 0; i < guesses.size(); ++i) {
      if (known.guessed[i] && guesses[i].seen()) wider.schema.columns[i].type = guesses[i].type();
    }
    options_.records[known.table.name] = MakeRecord(wider);
    return absl::AbortedError(
        absl::StrCat("columns of '", known.path, "' have values of another type than before"));
  }

  absl::StatusOr<TypedRows> OpenTable(const std::string& table) {
    const Known* const known = Find(table);
    if (known == nullptr) return Unknown(table);
    if (!known->later.empty()) return absl::FailedPreconditionError(known->later);
    return TypedRows::Open(*known);
  }

  Known* Find(const std::string& table) {
    const auto found = tables_.find(FoldName(table));
    return found == tables_.end() ? nullptr : &found->second;
  }
  static absl::Status Unknown(const std::string& table) {
    return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
  }

  FileReaderOptions options_;
  std::map<std::string, Known> tables_;  ///< By folded name.
  std::int64_t wait_ms_ = 0;             ///< Left for files to settle in this look.
};

}  // namespace

std::unique_ptr<SourceReader> OpenFileReader(FileReaderOptions options) {
  return std::make_unique<FileReader>(std::move(options));
}

}  // namespace mirror
