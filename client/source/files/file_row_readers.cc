#include "client/source/files/file_row_readers.h"

#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/source/files/rows/csv_rows.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/log/packed_key.h"
#include "proto/wire/key_part.h"
#include "proto/wire/limits.h"
#include "proto/wire/row_digest.h"

namespace mirror {
namespace {

/// Number of rejected rows that are described one by one. Further ones are only counted.
inline constexpr std::size_t kRejectsDescribed = 5;

/// The rejected rows of a table's files, for messages and for `<folder>/<table>.csv`.
class FileRejects {
 public:
  /// `folder` empty: the rows are only described. `look` must outlive this.
  FileRejects(const FileLook& look, std::string header, const std::string& folder);

  void Add(const FileRow& row, const std::string& reason, bool has_key);
  /// Returns the message, if any row was rejected. Then the file with the rejected rows exists, otherwise it
  /// was removed.
  std::vector<std::string> End();

 private:
  void Open();

  const FileLook& look_;
  const std::string header_, path_, folder_;
  std::ofstream file_;
  std::uint64_t count_ = 0;
  bool no_key_ = false;
  std::string described_;
};

FileRejects::FileRejects(const FileLook& look, std::string header, const std::string& folder)
    : look_(look),
      header_(std::move(header)),
      path_(absl::StrCat(folder, "/", look.table.name, ".csv")),
      folder_(folder) {}

void FileRejects::Add(const FileRow& row, const std::string& reason, bool has_key) {
  no_key_ = no_key_ || !has_key;
  if (count_++ < kRejectsDescribed) {
    absl::StrAppend(&described_, described_.empty() ? "" : "; ",
                    row.file.empty() ? "" : absl::StrCat("'", std::string(row.file), "' "), "line ", row.line,
                    ", ", reason);
  }
  if (folder_.empty()) return;
  if (!file_.is_open()) Open();
  file_ << row.raw;
  if (!row.raw.ends_with('\n')) file_ << '\n';
}

std::vector<std::string> FileRejects::End() {
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
      "'", look_.path, "': ", Counted(count_, "row"), count_ == 1 ? " was" : " were",
      " left out: ", described_,
      count_ > kRejectsDescribed ? absl::StrCat("; and ", Grouped(count_ - kRejectsDescribed), " more") : "",
      no_key_ ? ". The key of some cannot be read, so no row of the table counts as deleted" : "",
      folder_.empty() ? ""
      : kept          ? absl::StrCat(count_ == 1 ? ". It is in '" : ". They are in '", path_, "'")
                      : absl::StrCat(". '", path_, "' cannot be written"))};
}

void FileRejects::Open() {
  std::error_code error;
  // The permissions of an existing folder stay: the person who corrects the rows may use it, too.
  if (std::filesystem::create_directories(folder_, error)) {
    std::filesystem::permissions(folder_, std::filesystem::perms::owner_all, error);
  }
  file_.open(path_ + ".new", std::ios::trunc | std::ios::binary);
  file_ << header_;
}

/// A longer text is sent in parts.
constexpr std::size_t kTextInBlock = 1 << 20;
/// Maximum number of keys of rejected rows. If there are more, no missing row counts as deleted.
constexpr std::size_t kUntoldKept = 1'000'000;

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

/// Appends rows to blocks.
class RowAppender {
 public:
  explicit RowAppender(std::vector<std::uint32_t> columns) : columns_(std::move(columns)) {}

  /// Returns the weight of the row.
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
            RETURN_IF_ERROR(SendLarge(value.bytes, &buffer, sink));
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
      RETURN_IF_ERROR(sink->Part(buffer->column(), id, at, text.substr(at, kPartBytesMax)));
    }
    buffer->AppendLarge(id, text.size(), Kind::kText);
    return absl::OkStatus();
  }

  const std::vector<std::uint32_t> columns_;
};

class FileKeyRows : public ChangeReader {
 public:
  FileKeyRows(const FileLook& look, TypedRows rows, const std::vector<std::uint32_t>& columns,
              std::vector<Key> keys)
      : schema_(look.Given()),
        key_(look.schema.Key()),
        columns_(columns),
        rows_(std::move(rows)),
        appender_(columns),
        keys_(std::move(keys)) {
    for (const Key& key : keys_) wanted_.insert(PackedKey(key));
  }

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    ChangePiece piece;
    RowBlock block = RowBlock::For(schema_, columns_);
    std::size_t weight = 0;
    while (!at_end_ && weight < size.bytes && block.rows() < size.rows) {
      ASSIGN_OR_RETURN(const TypedRows::Step step, rows_.Next());
      at_end_ = step == TypedRows::Step::kEnd;
      if (step == TypedRows::Step::kEnd) continue;
      const std::optional<Key> key = rows_.ReadKey();
      if (step == TypedRows::Step::kReject) {
        // If no corrected row follows, the row exists and cannot be read.
        if (key) there_.insert(PackedKey(*key));
        continue;
      }
      // Only the first row of each key counts.
      if (!key || wanted_.erase(PackedKey(*key)) == 0) continue;
      ASSIGN_OR_RETURN(const std::size_t appended, appender_.Append(rows_, key_, &block, sink));
      weight += appended;
    }
    if (block.rows() > 0) piece.blocks.push_back({Operation::kInsert, std::move(block)});
    if (at_end_) {
      RowBlock gone = RowBlock::For(schema_, key_);
      for (; next_ < keys_.size() && gone.rows() < size.rows && gone.bytes() < size.bytes; ++next_) {
        const std::string packed = PackedKey(keys_[next_]);
        if (wanted_.contains(packed) && !there_.contains(packed)) AppendKey(keys_[next_], &gone);
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
  std::unordered_set<std::string> there_;  ///< Keys of rows that cannot be read.
  bool at_end_ = false;
  std::size_t next_ = 0;
};

class FileTableReader : public TableReader {
 public:
  FileTableReader(FileLook& look, TypedRows rows, const std::vector<std::uint32_t>& columns,
                  const std::string& rejects, Widen widen)
      : look_(look),
        key_(look.schema.Key()),
        rows_(std::move(rows)),
        appender_(columns),
        rejects_(look, rows_.raw_header(), rejects),
        widen_(std::move(widen)) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    std::size_t weight = 0;
    while (weight < size.bytes && block->rows() < size.rows) {
      const absl::StatusOr<TypedRows::Step> step = rows_.Next();
      if (absl::IsOutOfRange(step.status())) return widen_();
      if (!step.ok()) return step.status();
      if (*step == TypedRows::Step::kEnd) {
        look_.rows = counted_;
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
      ASSIGN_OR_RETURN(const std::size_t appended, appender_.Append(rows_, key_, block, sink));
      weight += appended;
    }
    return true;
  }
  std::vector<std::string> Notes() override { return notes_; }
  bool partial() const override { return partial_; }

 private:
  FileLook& look_;
  const std::vector<std::uint32_t> key_;
  TypedRows rows_;
  const RowAppender appender_;
  FileRejects rejects_;
  const Widen widen_;
  std::uint64_t counted_ = 0;
  bool partial_ = false;
  std::vector<std::string> notes_;
};

class FileScan : public DigestReader {
 public:
  FileScan(FileLook& look, TypedRows rows, std::vector<std::uint32_t> columns, const std::string& rejects,
           Widen widen, std::optional<RowBound> bound = std::nullopt, bool by_column = false)
      : look_(look),
        keyed_(!look.schema.Key().empty() || (bound && !bound->key.empty())),
        rows_(std::move(rows)),
        columns_(std::move(columns)),
        rejects_(look, rows_.raw_header(), rejects),
        widen_(std::move(widen)),
        bound_(std::move(bound)),
        by_column_(by_column) {
    if (bound_ && !bound_->key.empty()) rows_.SetKey(bound_->key);
    if (bound_ && bound_->left_out) rows_.SetLeftOut();
  }

  absl::StatusOr<DigestPiece> Next(std::size_t rows, bool each) override {
    DigestPiece piece;
    while (piece.digest.rows < rows) {
      const absl::StatusOr<TypedRows::Step> step = rows_.Next();
      if (absl::IsOutOfRange(step.status())) return widen_();
      if (!step.ok()) return step.status();
      if (*step == TypedRows::Step::kEnd) {
        piece.end = true;
        // Only after all rows: a corrected row may have the same key.
        for (auto& [packed, untold] : untold_) piece.untold.push_back(std::move(untold));
        piece.notes = rejects_.End();
        if (!bound_ || !bound_->left_out) look_.rows = counted_;
        break;
      }
      std::optional<Key> key = keyed_ ? rows_.ReadKey() : std::nullopt;
      if (*step == TypedRows::Step::kReject) {
        rejects_.Add(rows_.row(), rows_.reason(), key.has_value() || !keyed_);
        if (key && untold_.size() < kUntoldKept) {
          std::string packed = PackedKey(*key);
          untold_.try_emplace(std::move(packed), *std::move(key));
        } else {
          piece.partial = true;
        }
        continue;
      }
      ++counted_;
      if (key && !untold_.empty()) untold_.erase(PackedKey(*key));
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
    KeyPart part = KeyPartOf(value);
    if (part.kind == Kind::kNull || part < bound_->from) return false;
    if (greatest_.kind == Kind::kNull || greatest_ < part) greatest_ = std::move(part);
    piece->greatest = greatest_;
    return true;
  }

  FileLook& look_;
  const bool keyed_;
  TypedRows rows_;
  const std::vector<std::uint32_t> columns_;
  RowDigest digest_;
  FileRejects rejects_;
  const Widen widen_;
  std::unordered_map<std::string, Key> untold_;  ///< By PackedKey().
  const std::optional<RowBound> bound_;
  const bool by_column_;
  KeyPart greatest_;
  std::uint64_t counted_ = 0;
};

}  // namespace

absl::StatusOr<TypedRows> TypedRows::Open(const FileLook& look) {
  ASSIGN_OR_RETURN(std::unique_ptr<FileRows> rows, look.OpenRows());
  if (!look.HasHeader(rows->header()))
    return absl::AbortedError(absl::StrCat("'", look.path, "' has another header now"));
  ASSIGN_OR_RETURN(RowSteps steps, RowSteps::Make(look.schema, look.table.steps, look.hash_key));
  return TypedRows(look, std::move(rows), std::move(steps));
}
absl::StatusOr<std::unique_ptr<FileRows>> TypedRows::OpenMended(const FileLook& look) {
  absl::StatusOr<std::unique_ptr<FileRows>> rows = OpenCsv(look.mended, look.table.csv);
  if (!rows.ok()) return rows;
  if (look.HasHeader((*rows)->header())) return rows;
  return absl::InvalidArgumentError(
      absl::StrCat("'", look.mended, "' has another first line than '", look.path,
                   "'. Nothing of the table was sent. Give it the same first line, or remove the file"));
}

absl::StatusOr<TypedRows::Step> TypedRows::Next() {
  for (;;) {
    const absl::StatusOr<Step> step = NextOfFile();
    if (!step.ok() || *step != Step::kRow) return step;
    ASSIGN_OR_RETURN(const bool matches, steps_.Matches(values_));
    ASSIGN_OR_RETURN(const bool hidden, IsHidden(matches));
    if (hidden) continue;
    absl::Status turned = steps_.Turn(&values_);
    return turned.ok() ? step : turned;
  }
}

/// Returns whether the row is not wanted, or is an older row of a key that is not wanted.
absl::StatusOr<bool> TypedRows::IsHidden(bool matches) {
  const bool unwanted = matches == left_out_;
  if (!steps_.filters() || look_->files.size() < 2 || key_.empty()) return unwanted;
  const std::optional<Key> key = ReadKey();
  if (!key) return unwanted;
  const std::string packed = PackedKey(*key);
  const XXH128_hash_t hash = XXH3_128bits(packed.data(), packed.size());
  const std::pair<std::uint64_t, std::uint64_t> id(hash.high64, hash.low64);
  if (!unwanted) return hidden_.contains(id);
  hidden_.insert(id);
  if (hidden_.size() <= kHiddenMax) return true;
  return absl::ResourceExhaustedError(
      absl::StrCat("table '", look_->table.name, "': 'where' leaves out more than ", kHiddenMax,
                   " rows of its files. Nothing of the table was sent: move old files elsewhere"));
}

std::optional<Key> TypedRows::ReadKey() const {
  if (!has_values_) return std::nullopt;
  Key key;
  for (const std::uint32_t column : key_) {
    const Value& value = values_[column];
    if (value.kind == Kind::kNull) return std::nullopt;
    key.push_back(KeyPartOf(value));
  }
  return key;
}

absl::StatusOr<TypedRows::Step> TypedRows::NextOfFile() {
  ASSIGN_OR_RETURN(const bool there, rows_->Next(&row_));
  if (!there) {
    RETURN_IF_ERROR(look_->CheckEnd());
    if (look_->mended.empty() || std::exchange(mended_, true)) return Step::kEnd;
    ASSIGN_OR_RETURN(rows_, OpenMended(*look_));
    row_ = FileRow();
    return NextOfFile();
  }
  reason_ = row_.wrong;
  if (!reason_.empty() && mended_) reason_ = absl::StrCat("of '", look_->mended, "': ", reason_);
  has_values_ = row_.fields.size() == look_->schema.columns.size();
  if (!reason_.empty() && !has_values_) return Step::kReject;
  values_.resize(row_.fields.size());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    RETURN_IF_ERROR(Read(i));
  }
  return reason_.empty() ? Step::kRow : Step::kReject;
}

absl::Status TypedRows::Read(std::size_t at) {
  const Column& column = look_->schema.columns[at];
  const std::optional<std::string_view>& field = row_.fields[at];
  Value& value = values_[at];
  value = Value();
  // Two quotes are a text, not a number.
  if (!field || (field->empty() && column.type != Type::kText)) {
    if (column.key_position > 0) Reject(at, "the key has no value");
    return absl::OkStatus();
  }
  bool fits = true;
  const bool is_text = look_->guessed[at] && at < row_.texts.size() && row_.texts[at];
  if (is_text && column.type != Type::kText) {
    fits = false;
  } else if (column.type == Type::kInt64) {
    const auto integer = look_->guessed[at] ? ReadInteger(*field) : ReadDeclaredInteger(*field);
    fits = integer.has_value();
    if (fits) value = {Kind::kInteger, *integer, 0, {}};
  } else if (column.type == Type::kDouble) {
    const bool comma = look_->comma[at];
    const auto real = look_->guessed[at] ? ReadRealBy({!comma, comma}, *field)
                                         : ReadDeclaredRealBy(look_->decimals, *field);
    fits = real.has_value();
    if (fits) value = {Kind::kReal, 0, *real, {}};
  } else if (IsText(*field)) {
    value = {Kind::kText, 0, 0, *field};
  } else {
    Reject(at, field->find('\0') != std::string_view::npos
                   ? "it holds a NUL character"
                   : "not UTF-8; set 'encoding' of the table to the file's encoding");
  }
  if (fits) return absl::OkStatus();
  if (look_->guessed[at]) return absl::OutOfRangeError("the type that was guessed is too narrow");
  Reject(at, column.type == Type::kInt64 ? "not an integer" : "not a number");
  return absl::OkStatus();
}

void TypedRows::Reject(std::size_t at, std::string_view why) {
  if (!reason_.empty()) return;
  if (mended_) reason_ = absl::StrCat("of '", look_->mended, "': ");
  absl::StrAppend(&reason_, "column '", look_->schema.columns[at].name, "': ", std::string(why));
}

std::unique_ptr<TableReader> ReadFileRows(FileLook& look, TypedRows rows,
                                          const std::vector<std::uint32_t>& columns,
                                          const std::string& rejects, Widen widen) {
  return std::make_unique<FileTableReader>(look, std::move(rows), columns, rejects, std::move(widen));
}

std::unique_ptr<DigestReader> ScanFileRows(FileLook& look, TypedRows rows, std::vector<std::uint32_t> columns,
                                           const std::string& rejects, Widen widen,
                                           std::optional<RowBound> bound, bool by_column) {
  return std::make_unique<FileScan>(look, std::move(rows), std::move(columns), rejects, std::move(widen),
                                    std::move(bound), by_column);
}

std::unique_ptr<ChangeReader> ReadFileRowsByKey(const FileLook& look, TypedRows rows,
                                                const std::vector<std::uint32_t>& columns,
                                                std::vector<Key> keys) {
  return std::make_unique<FileKeyRows>(look, std::move(rows), columns, std::move(keys));
}

}  // namespace mirror
