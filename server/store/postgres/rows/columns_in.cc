#include "server/store/postgres/rows/columns_in.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/value.h"
#include "base/status_macros.h"
#include "proto/wire/receipt.h"
#include "proto/wire/text_form.h"
#include "proto/wire/value_rules.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/types.h"
#include "server/store/postgres/rows/time_units.h"

namespace mirror {
namespace {

bool HoldsInt(const Column& column, const Value& value) {
  return value.kind == Kind::kInteger && IntRuleOf(column).Holds(value.integer);
}

Value Whole(std::int64_t integer) { return {.kind = Kind::kInteger, .integer = integer}; }

void AppendValue(const Value& value, ColumnBuffer* buffer) {
  switch (value.kind) {
    case Kind::kNull:
      buffer->AppendNull();
      break;
    case Kind::kInteger:
      buffer->AppendInt(value.integer);
      break;
    case Kind::kReal:
      buffer->AppendDouble(value.real);
      break;
    default:
      buffer->AppendBytes(value.bytes, value.kind);
  }
}

void AddValue(const Column& column, bool has_text_form, const Value& value, RowDigest* digest) {
  if (value.kind == Kind::kNull) {
    digest->AddNull();
  } else if (has_text_form) {
    std::array<char, kTextFormBytesMax> text;
    digest->AddText({text.data(), WriteTextForm(column, value.integer, value.bytes, text.data())});
  } else if (value.kind == Kind::kInteger) {
    digest->AddInteger(value.integer);
  } else if (value.kind == Kind::kReal) {
    digest->AddReal(value.real);
  } else if (value.kind == Kind::kBlob) {
    digest->AddBytes(value.bytes);
  } else {
    digest->AddText(value.bytes);
  }
}

bool MayBeLong(PostgresForm form) {
  return form == PostgresForm::kText || form == PostgresForm::kBytes || form == PostgresForm::kAny;
}

}  // namespace

PostgresStoredRows::Pieces::Pieces(const Column& column, PostgresForm form, Kind kind)
    : is_bytes_(kind == Kind::kBlob),
      is_in_hex_(form == PostgresForm::kAny && (kind == Kind::kBlob || kind == Kind::kRawText)),
      is_readable_(is_in_hex_ || kind == Kind::kBlob || kind == Kind::kText) {
  if (form == PostgresForm::kText) text_.emplace(column);
}

void PostgresStoredRows::Pieces::Begin(std::uint64_t octets, RowDigest* digest) const {
  const std::uint64_t bytes = is_in_hex_ ? octets / 2 : octets;
  is_bytes_ ? digest->BeginBytes(bytes) : digest->BeginText(bytes);
}

bool PostgresStoredRows::Pieces::Add(std::string_view piece, RowDigest* digest) {
  if (!is_readable_) return false;
  if (text_) text_->Add(piece);
  if (!is_in_hex_) {
    digest->AddPiece(piece);
    return true;
  }
  const std::optional<std::string> bytes = BytesOfHex(piece, piece.size() / 2);
  if (bytes) digest->AddPiece(*bytes);
  return bytes.has_value();
}

bool PostgresStoredRows::Pieces::IsHeld() const { return !text_ || text_->IsHeld(); }

PostgresStoredRows::PostgresStoredRows(const TableSchema& kept, const PostgresKinds& places,
                                       std::vector<std::uint32_t> columns)
    : kept_(kept), places_(places), columns_(std::move(columns)) {
  has_kinds_ = std::any_of(columns_.begin(), columns_.end(),
                           [&](std::uint32_t column) { return kept_.columns[column].type == Type::kAny; });
  for (const std::uint32_t index : columns_) {
    const Column& column = kept_.columns[index];
    reads_.push_back({column, ElementType(column), PostgresFormOf(column), HasTextForm(column.type)});
  }
}

std::string PostgresStoredRows::SelectList(std::string_view alias) const {
  const std::string before = alias.empty() ? "" : absl::StrCat(std::string(alias), ".");
  std::string list;
  for (const std::uint32_t column : columns_) {
    absl::StrAppend(&list, list.empty() ? "" : ", ", before, QuoteName(kept_.columns[column].name));
  }
  if (has_kinds_) absl::StrAppend(&list, list.empty() ? "" : ", ", before, kKindsColumn);
  return list;
}

std::string PostgresStoredRows::SelectListWithout(std::size_t bytes_max) const {
  std::string list, any_long;
  for (const Read& read : reads_) {
    const std::string name = absl::StrCat("m.", QuoteName(read.column.name));
    absl::StrAppend(&list, list.empty() ? "" : ", ");
    if (!MayBeLong(read.form)) {
      absl::StrAppend(&list, name);
      continue;
    }
    const std::string is_long = absl::StrCat("octet_length(", name, ") > ", bytes_max);
    absl::StrAppend(&list, "CASE WHEN ", is_long, " THEN NULL ELSE ", name, " END AS ",
                    QuoteName(read.column.name));
    absl::StrAppend(&any_long, any_long.empty() ? "" : " OR ", is_long);
  }
  if (has_kinds_) absl::StrAppend(&list, list.empty() ? "" : ", ", "m.", kKindsColumn);
  return absl::StrCat(list, ", CASE WHEN ", any_long.empty() ? "false" : any_long, " THEN m.ctid::text END");
}

std::string PostgresStoredRows::SelectSizes() const {
  std::string list;
  for (const Read& read : reads_) {
    const std::string name = absl::StrCat("m.", QuoteName(read.column.name));
    absl::StrAppend(&list, ", ",
                    MayBeLong(read.form) ? absl::StrCat("coalesce(octet_length(", name, "), 0)") : "0");
  }
  return list;
}

absl::Status PostgresStoredRows::Append(const postgres::RowView& row, RowBlock* block) {
  for (std::size_t i = 0; i < reads_.size(); ++i) {
    Value value;
    RETURN_IF_ERROR(ReadValue(row, i, &value));
    AppendValue(value, &block->columns[i]);
  }
  return absl::OkStatus();
}

absl::Status PostgresStoredRows::Append(const postgres::Rows& rows, int row, RowBlock* block) {
  return Append(ViewOf(rows, row), block);
}

absl::Status PostgresStoredRows::Digest(const postgres::RowView& row, RowDigest* digest) {
  for (std::size_t i = 0; i < reads_.size(); ++i) {
    Value value;
    RETURN_IF_ERROR(ReadValue(row, i, &value));
    AddValue(reads_[i].column, reads_[i].has_text_form, value, digest);
  }
  return absl::OkStatus();
}

absl::Status PostgresStoredRows::Digest(const postgres::Rows& rows, int row, RowDigest* digest) {
  return Digest(ViewOf(rows, row), digest);
}

absl::Status PostgresStoredRows::DigestWith(
    const postgres::Rows& rows, int row, const std::function<bool(std::size_t index)>& is_long,
    const std::function<absl::Status(std::size_t index, Pieces& to)>& add_long, RowDigest* digest) {
  const postgres::RowView view = ViewOf(rows, row);
  for (std::size_t i = 0; i < reads_.size(); ++i) {
    const Read& as = reads_[i];
    if (!is_long(i)) {
      Value value;
      RETURN_IF_ERROR(ReadValue(view, i, &value));
      AddValue(as.column, as.has_text_form, value, digest);
      continue;
    }
    if (view.types[i] != as.type) return NotOfItsType(i, "changed the column's type");
    const std::optional<Kind> kind = as.form == PostgresForm::kAny     ? KindOfAny(view, i)
                                     : as.form == PostgresForm::kBytes ? Kind::kBlob
                                                                       : Kind::kText;
    if (!kind) return NotOfItsType(i, "wrote it");
    Pieces pieces(as.column, as.form, *kind);
    RETURN_IF_ERROR(add_long(i, pieces));
    if (!pieces.IsHeld()) return NotOfItsType(i, "wrote it");
  }
  return absl::OkStatus();
}

postgres::RowView PostgresStoredRows::ViewOf(const postgres::Rows& rows, int row) {
  types_ = rows.Types();
  rows.ViewRow(row, &fields_);
  return {types_, fields_};
}

absl::Status PostgresStoredRows::ReadValue(const postgres::RowView& row, std::size_t index, Value* value) {
  const Read& as = reads_[index];
  if (row.IsNull(index)) return absl::OkStatus();
  const bool is_of_type = row.types[index] == as.type;
  if (is_of_type && (as.form == PostgresForm::kAny ? ReadAny(row, index, value)
                                                   : ReadTyped(as, row.fields[index], value))) {
    return absl::OkStatus();
  }
  return NotOfItsType(index, is_of_type ? "wrote it" : "changed the column's type");
}

absl::Status PostgresStoredRows::NotOfItsType(std::size_t index, std::string_view by) const {
  const Column& column = reads_[index].column;
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", kept_.name, "', column '", column.name, "': the mirror holds a value that is not ",
      std::string(ToString(column.type)), ": somebody else ", std::string(by),
      ". It was not read. Populate the table again ('mirrorctl invalidate')."));
}

bool PostgresStoredRows::ReadTyped(const Read& as, std::string_view binary, Value* value) {
  const Column& column = as.column;
  switch (as.form) {
    case PostgresForm::kBool:
    case PostgresForm::kInt:
      *value = Whole(postgres::ReadInt(binary));
      return HoldsInt(column, *value);
    case PostgresForm::kReal:
      *value = {.kind = Kind::kReal, .real = postgres::ReadReal(binary)};
      return HoldsReal(column.type, value->real);
    case PostgresForm::kNumeric: {
      std::optional<std::string> text = postgres::ReadNumeric(binary);
      bytes_ = text ? *std::move(text) : std::string();
      *value = {.kind = Kind::kText, .bytes = bytes_};
      return IsWrittenAsDecimal(column, bytes_);
    }
    case PostgresForm::kText:
      *value = {.kind = Kind::kText, .bytes = binary};
      return HoldsText(column, binary);
    case PostgresForm::kBytes:
    case PostgresForm::kUuid:
      *value = {.kind = Kind::kBlob, .bytes = binary};
      return true;
    case PostgresForm::kDate:
      *value = Whole(UnitsOfDays(postgres::ReadInt(binary)));
      return HoldsInt(column, *value);
    case PostgresForm::kTime:
      // The protocol has no time 24:00:00.
      *value = Whole(postgres::ReadInt(binary) * kUnitsOfMicro);
      return HoldsInt(column, *value);
    case PostgresForm::kTimestamp:
      *value = Whole(UnitsOfMicros(postgres::ReadInt(binary)));
      return HoldsInt(column, *value);
    case PostgresForm::kTextForm: {
      if (column.type == Type::kDecimal) {
        *value = {.kind = Kind::kText, .bytes = binary};
        return IsWrittenAsDecimal(column, binary);
      }
      const std::optional<std::int64_t> units = ParseTextForm(column, binary);
      *value = Whole(units.value_or(-1));
      return units.has_value();
    }
    case PostgresForm::kAny:
      break;
  }
  return false;
}

bool PostgresStoredRows::ReadAny(const postgres::RowView& row, std::size_t index, Value* value) {
  const std::optional<Kind> kind = KindOfAny(row, index);
  return kind && ReadAnyText(*kind, row.fields[index], &bytes_, value);
}

std::optional<Kind> PostgresStoredRows::KindOfAny(const postgres::RowView& row, std::size_t index) const {
  const std::size_t place = places_.of_column[columns_[index]];
  const std::size_t column = columns_.size();
  if (row.types[column] != postgres::Type::kBytea || place >= places_.defaults.size()) return std::nullopt;
  const std::string_view kinds = row.fields[column];
  return static_cast<Kind>(place < kinds.size() ? kinds[place] : places_.defaults[place]);
}

}  // namespace mirror
