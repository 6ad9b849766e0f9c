// Defaults of columns. One that CheckTable accepts is, written into a statement, evaluated by SQLite to the
// typed value; and a column that is added with it holds, in the rows that were there, what a row holds into
// which the same value was bound.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/table.h"
#include "proto/wire/text_form.h"
#include "server/store/sqlite/file/sql.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/mirror_database.h"
#include "tests/fuzz/sqlite.h"

namespace mirror {
namespace {

constexpr std::uint64_t kUnits[] = {1, 10'000'000, 864'000'000'000};  // Of 100 ns: that, a second, a day.

Column ReadColumn(Input& input) {
  Column column;
  column.name = "added";
  column.type = static_cast<Type>(1 + input.Choose(15));
  column.length = input.Choose(40);
  column.precision = input.Choose(41);
  column.scale = input.Choose(11);
  if (column.type == Type::kAny) column.affinity = static_cast<Affinity>(1 + input.Choose(5));
  column.nullable = input.Flag();
  // Of what a type does not have, nothing is left: CheckTable would refuse it.
  if (column.type != Type::kText && column.type != Type::kBytes) column.length = 0;
  if (column.type != Type::kDecimal) column.scale = 0;
  const bool has_precision = column.type >= Type::kDate && column.type <= Type::kTimestampTz;
  if (has_precision) column.precision %= 8;
  if (!has_precision && column.type != Type::kDecimal) column.precision = 0;
  column.backfill = Backfill::kDefault;
  return column;
}

Literal ReadLiteral(Input& input) {
  switch (input.Choose(6)) {
    case 0:
      return Null{};
    case 1:
      return static_cast<std::int64_t>(static_cast<std::int8_t>(input.Byte()));
    case 2: {
      const std::uint64_t unit = kUnits[input.Choose(3)];
      return static_cast<std::int64_t>(input.Number() * unit);
    }
    case 3:
      return std::bit_cast<double>(input.Number());
    case 4:
      return input.Text();
    default:
      return Bytes{input.Text()};
  }
}

/// What is stored of a value of this column, as table.proto has it.
Stored StoredForm(const Column& column, const Literal& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    if (!HasTextForm(column.type)) return *integer;
    const std::string text = TextForm(column, *integer, {});
    Require(ParseTextForm(column, text) == *integer);
    return text;
  }
  if (const auto* bytes = std::get_if<Bytes>(&value); bytes != nullptr && column.type == Type::kUuid) {
    const std::string text = UuidText(bytes->value);
    Require(ParseUuid(text) == bytes->value);
    return text;
  }
  if (const auto* real = std::get_if<double>(&value)) return *real == 0 ? 0.0 : *real;
  return value;
}

/// The same; a real number may be one of those beside it, since SQLite's reading of a decimal number is not
/// exact at the ends of the range.
bool IsNear(const Stored& a, const Stored& b) {
  const auto *x = std::get_if<double>(&a), *y = std::get_if<double>(&b);
  if (x == nullptr || y == nullptr) return a == b;
  return std::abs(*x - *y) <= std::abs(*y) * 1e-14 + 1e-320;
}

void TryLiteral(const Column& column) {
  static auto* const kMirror = new MirrorDatabase;
  const Stored stored = StoredForm(column, *column.default_value);
  const auto evaluated =
      FirstRow(kMirror->handle(), absl::StrCat("SELECT ", LiteralSql(column, *column.default_value)));
  Require(evaluated.size() == 1 && IsNear(evaluated[0], stored));

  TableSchema before;
  before.name = "t";
  Column id;
  id.name = "id";
  id.type = Type::kInt64;
  id.key_position = 1;
  before.columns = {id};
  kMirror->Begin();
  Require(RunCreateTable(kMirror->connection(), CreateTable{before}).ok());
  FirstRow(kMirror->handle(), "INSERT INTO t (id) VALUES (1)");
  AlterTable alter;
  alter.changes.emplace_back(AddColumn{column});
  Require(RunAlterTable(kMirror->connection(), "t", Position{}, alter).ok());
  FirstRow(kMirror->handle(), "INSERT INTO t (id, added) VALUES (2, ?1)", {stored});
  const auto filled = FirstRow(kMirror->handle(), "SELECT added FROM t WHERE id = 1");
  const auto bound = FirstRow(kMirror->handle(), "SELECT added FROM t WHERE id = 2");
  Require(filled.size() == 1 && filled == bound);
  kMirror->TakeBack();
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mirror::Input input(data, size);
  mirror::Column column = mirror::ReadColumn(input);
  column.default_value = mirror::ReadLiteral(input);
  const absl::Status fits = mirror::CheckLiteral(column, *column.default_value);
  mirror::TableSchema table;
  table.name = "t";
  table.columns = {column};
  // The two say the same of a default.
  const absl::Status whole = mirror::CheckTable(table);
  mirror::Require(!whole.ok() || fits.ok());
  mirror::Require(fits.ok() || !fits.message().empty());
  if (whole.ok()) mirror::TryLiteral(column);
  return 0;
}
