#include "client/source/files/typed_rows.h"

#include <xxhash.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/source/files/rows/csv_rows.h"
#include "client/source/files/rows/file_value.h"
#include "client/source/rows/packed_key.h"

namespace mirror {
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

/// Whether the row is not wanted, or is an older one of a key that is not.
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
    KeyPart& part = key.emplace_back();
    part.kind = value.kind;
    part.integer = value.integer;
    part.real = value.real;
    part.bytes = std::string(value.bytes);
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
  // Two quotes are a text, and no number.
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
                   : "not UTF-8; 'encoding' of the table may say what it is");
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

}  // namespace mirror
