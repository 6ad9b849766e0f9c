#include "tests/support/cycle_model.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "proto/wire/codec.h"
#include "proto/wire/value_rules.h"

namespace mirror::model {
namespace {

constexpr std::int64_t kUnitsPerSecond = 10'000'000;
constexpr std::int64_t kDay = 86'400 * kUnitsPerSecond;
constexpr std::int64_t kDays = 3'652'059;  // 0001-01-01 to 9999-12-31.

std::string FormatDate(std::int64_t units) {
  using std::chrono::days, std::chrono::sys_days, std::chrono::year;
  const std::chrono::year_month_day date(sys_days(year(1) / 1 / 1) + days(units / kDay));
  std::array<char, 32> out;
  std::snprintf(out.data(), out.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return out.data();
}

std::string FormatTime(std::int64_t units, std::uint32_t precision) {
  const auto seconds = static_cast<int>(units / kUnitsPerSecond);
  std::array<char, 48> out;
  std::snprintf(out.data(), out.size(), "%02d:%02d:%02d.%07d", seconds / 3'600, seconds / 60 % 60,
                seconds % 60, static_cast<int>(units % kUnitsPerSecond));
  return std::string(out.data()).substr(0, precision == 0 ? 8 : 9 + precision);
}

std::string FormatUuid(const std::string& bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    std::array<char, 4> digits;
    std::snprintf(digits.data(), digits.size(), "%02x", static_cast<unsigned char>(bytes[i]));
    text += digits.data();
  }
  return text;
}

// --- Random values and definitions ---

std::string RandomText(Dice& dice, std::size_t units) {
  static const std::vector<std::string> kCharacters = {"a",     "B", " ", "'",  "\"", "\n",
                                                       "[I:5]", "0", "ß", "山", "€",  "\U0001F600"};
  static const std::vector<std::size_t> kUnits = {1, 1, 1, 1, 1, 1, 5, 1, 1, 1, 1, 2};
  std::string text;
  for (std::size_t left = dice.Below(units + 1); left > 0;) {
    const std::size_t i = dice.Below(kCharacters.size());
    if (kUnits[i] > left) break;
    text += kCharacters[i];
    left -= kUnits[i];
  }
  return text;
}

std::string RandomBytes(Dice& dice, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(dice.Below(256));
  return bytes;
}

std::string RandomDecimal(Dice& dice, const Column& column) {
  std::string text = dice.OneIn(2) ? "-" : "";
  const std::uint64_t whole = dice.Below(column.precision - column.scale + 1);
  if (whole == 0) text += '0';
  for (std::uint64_t i = 0; i < whole; ++i) {
    text += static_cast<char>('0' + (i == 0 ? 1 + dice.Below(9) : dice.Below(10)));
  }
  const std::uint64_t fraction = dice.Below(column.scale + 1);
  if (fraction > 0) text += '.';
  for (std::uint64_t i = 0; i < fraction; ++i) text += static_cast<char>('0' + dice.Below(10));
  return HoldsDecimal(column, text) ? text : text.substr(1);  // Minus zero.
}

/// Never a whole number: a column with numeric affinity would keep that as an integer.
double RandomReal(Dice& dice) {
  static const std::vector<double> kReals = {0.5, -0.25, 1e300, 5e-324, 1234567.875, -1e-7};
  if (dice.OneIn(3)) return kReals[dice.Below(kReals.size())];
  return static_cast<double>(static_cast<std::int64_t>(dice.Below(2'000'000)) - 1'000'000) + 0.125;
}

std::int64_t RandomInt(Dice& dice, std::int64_t min, std::int64_t max) {
  switch (dice.Below(5)) {
    case 0:
      return min;
    case 1:
      return max;
    default:
      return static_cast<std::int64_t>(dice.Below(40)) - (min < 0 ? 10 : 0);
  }
}

Cell RandomAny(Dice& dice, const Column& column) {
  const bool numeric = column.affinity == Affinity::kNumeric || column.affinity == Affinity::kInteger;
  switch (dice.Below(5)) {
    case 0:
      if (column.affinity == Affinity::kText || column.affinity == Affinity::kReal) break;
      return {.kind = Kind::kInteger, .integer = RandomInt(dice, INT64_MIN, INT64_MAX)};
    case 1: {
      if (column.affinity == Affinity::kText) break;
      const bool whole = !numeric && column.key_position == 0 && dice.OneIn(3);
      double real = whole ? static_cast<double>(dice.Below(40)) : RandomReal(dice);
      if (numeric && std::abs(real) > 1e18) real = 0.5;  // 1e300 is a whole number.
      return {.kind = Kind::kReal, .real = real};
    }
    case 2:
      return {.kind = Kind::kBlob, .bytes = RandomBytes(dice, dice.Below(6))};
    case 3:
      return {.kind = Kind::kRawText, .bytes = std::string("\xFF\0x", 3) + RandomBytes(dice, dice.Below(3))};
    default:
      break;
  }
  // Begins with a letter: no affinity turns it into a number.
  return {.kind = Kind::kText, .bytes = "t" + RandomText(dice, 6)};
}

Cell RandomValue(Dice& dice, const Column& column) {
  static constexpr std::array<std::int64_t, 8> kSteps = {10'000'000, 1'000'000, 100'000, 10'000,
                                                         1'000,      100,       10,      1};
  const std::int64_t step = kSteps[std::min(column.precision, 7U)];
  const auto of_steps = [&](std::int64_t last) {
    return static_cast<std::int64_t>(dice.Below(static_cast<std::uint64_t>(last / step) + 1)) * step;
  };
  const auto of_length = [&] { return column.length == 0 ? 12 : std::min(column.length, 12U); };
  switch (column.type) {
    case Type::kBool:
      return {.kind = Kind::kInteger, .integer = static_cast<std::int64_t>(dice.Below(2))};
    case Type::kInt16:
      return {.kind = Kind::kInteger, .integer = RandomInt(dice, INT16_MIN, INT16_MAX)};
    case Type::kInt32:
      return {.kind = Kind::kInteger, .integer = RandomInt(dice, INT32_MIN, INT32_MAX)};
    case Type::kInt64:
      return {.kind = Kind::kInteger, .integer = RandomInt(dice, INT64_MIN, INT64_MAX)};
    case Type::kFloat:
      return {.kind = Kind::kReal, .real = static_cast<double>(dice.Below(1'000)) / 8 - 40};
    case Type::kDouble:
      return {.kind = Kind::kReal, .real = dice.OneIn(4) ? -0.0 : RandomReal(dice)};
    case Type::kDecimal:
      return {.kind = Kind::kText, .bytes = RandomDecimal(dice, column)};
    case Type::kText:
      return {.kind = Kind::kText, .bytes = RandomText(dice, of_length())};
    case Type::kBytes:
      return {.kind = Kind::kBlob, .bytes = RandomBytes(dice, dice.Below(of_length() + 1))};
    case Type::kDate:
      return {.kind = Kind::kInteger, .integer = static_cast<std::int64_t>(dice.Below(kDays)) * kDay};
    case Type::kTime:
      return {.kind = Kind::kInteger, .integer = of_steps(kDay - 1)};
    case Type::kTimestamp:
    case Type::kTimestampTz:
      return {.kind = Kind::kInteger, .integer = of_steps(kDays * kDay - 1)};
    case Type::kUuid:
      return {.kind = Kind::kBlob, .bytes = RandomBytes(dice, 16)};
    default:
      return RandomAny(dice, column);
  }
}

Cell RandomCell(Dice& dice, const Column& column) {
  if (column.nullable && dice.OneIn(4)) return {};
  return RandomValue(dice, column);
}

Row RandomRow(Dice& dice, const TableSchema& schema) {
  Row row;
  for (const Column& column : schema.columns) row.push_back(RandomCell(dice, column));
  return row;
}

Column RandomColumn(Dice& dice, std::string name) {
  Column column;
  column.name = std::move(name);
  column.type = static_cast<Type>(1 + dice.Below(15));
  column.nullable = !dice.OneIn(3);
  if (column.type == Type::kAny) column.affinity = static_cast<Affinity>(1 + dice.Below(5));
  if (column.type == Type::kText || column.type == Type::kBytes) {
    column.length = dice.OneIn(2) ? 0 : static_cast<std::uint32_t>(5 + dice.Below(20));
  }
  if (column.type == Type::kDecimal) {
    column.precision = static_cast<std::uint32_t>(1 + dice.Below(38));
    column.scale = static_cast<std::uint32_t>(dice.Below(column.precision + 1));
  }
  if (column.type >= Type::kDate && column.type <= Type::kTimestampTz) {
    column.precision = static_cast<std::uint32_t>(dice.Below(8));
  }
  return column;
}

Column RandomKeyColumn(Dice& dice, std::string name) {
  Column column = RandomColumn(dice, std::move(name));
  static const std::vector<Type> kTypes = {Type::kText,  Type::kText,    Type::kAny,
                                           Type::kInt32, Type::kUuid,    Type::kBytes,
                                           Type::kDate,  Type::kDecimal, Type::kDouble};
  column.type = kTypes[dice.Below(kTypes.size())];
  column.length = column.precision = column.scale = 0;
  column.affinity = Affinity::kUnspecified;
  column.nullable = false;
  if (column.type == Type::kAny) column.affinity = dice.OneIn(2) ? Affinity::kBlob : Affinity::kInteger;
  if (column.type == Type::kDecimal) column.precision = column.scale + 4;
  return column;
}

/// Makes a column hold less. False: it holds the least already.
bool Narrow(Column& column) {
  const auto text = column.type == Type::kText || column.type == Type::kBytes;
  if (column.type == Type::kInt64 || column.type == Type::kInt32) {
    column.type = static_cast<Type>(static_cast<int>(column.type) - 1);
  } else if (column.type == Type::kDouble) {
    column.type = Type::kFloat;
  } else if (text && (column.length == 0 || column.length > 4)) {
    column.length = 4;
  } else if (column.type >= Type::kTime && column.type <= Type::kTimestampTz && column.precision > 0) {
    --column.precision;
  } else {
    return false;
  }
  column.default_value.reset();
  return true;
}

std::optional<Literal> RandomDefault(Dice& dice, const Column& column) {
  if (column.nullable && dice.OneIn(6)) return Literal(Null{});
  const Cell cell = RandomValue(dice, column);
  switch (cell.kind) {
    case Kind::kInteger:
      return Literal(cell.integer);
    case Kind::kReal:
      return Literal(cell.real);
    case Kind::kText:
      return Literal(cell.bytes);
    case Kind::kBlob:
      return Literal(Bytes{cell.bytes});
    default:
      return std::nullopt;  // Raw text cannot be a default.
  }
}

Cell CellOf(const Literal& literal) {
  if (const auto* integer = std::get_if<std::int64_t>(&literal)) {
    return {.kind = Kind::kInteger, .integer = *integer};
  }
  if (const auto* real = std::get_if<double>(&literal)) return {.kind = Kind::kReal, .real = *real};
  if (const auto* text = std::get_if<std::string>(&literal)) return {.kind = Kind::kText, .bytes = *text};
  if (const auto* bytes = std::get_if<Bytes>(&literal)) return {.kind = Kind::kBlob, .bytes = bytes->value};
  return {};
}

void Append(const Cell& cell, ColumnBuffer& buffer) {
  switch (cell.kind) {
    case Kind::kNull:
      return buffer.AppendNull();
    case Kind::kInteger:
      return buffer.AppendInt(cell.integer);
    case Kind::kReal:
      return buffer.AppendDouble(cell.real);
    default:
      return buffer.AppendBytes(cell.bytes, cell.kind);
  }
}

}  // namespace

std::string Stored(const Column& column, const Cell& cell) {
  switch (cell.kind) {
    case Kind::kNull:
      return "N";
    case Kind::kInteger:
      switch (column.type) {
        case Type::kDate:
          return "T" + FormatDate(cell.integer);
        case Type::kTime:
          return "T" + FormatTime(cell.integer, column.precision);
        case Type::kTimestamp:
        case Type::kTimestampTz:
          return absl::StrCat("T", FormatDate(cell.integer), " ",
                              FormatTime(cell.integer % kDay, column.precision),
                              column.type == Type::kTimestampTz ? "Z" : "");
        default:
          return absl::StrCat("I", cell.integer);
      }
    case Kind::kReal: {
      std::array<char, 40> out;
      std::snprintf(out.data(), out.size(), "R%.17g", cell.real == 0 ? 0.0 : cell.real);
      return out.data();
    }
    case Kind::kBlob:
      if (column.type == Type::kUuid) return "T" + FormatUuid(cell.bytes);
      return "B" + cell.bytes;
    default:
      return "T" + cell.bytes;
  }
}

std::string KeyText(const std::vector<std::string>& stored_key) {
  std::string key;
  for (std::string value : stored_key) {
    if (value[0] == 'R') {
      const double real = std::strtod(value.c_str() + 1, nullptr);
      if (std::abs(real) < 0x1p62 && std::trunc(real) == real) {
        value = absl::StrCat("I", static_cast<std::int64_t>(real));
      }
    }
    absl::StrAppend(&key, value.size(), ":", value);
  }
  return key;
}

std::string Printable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c >= ' ' && c != '\\' && c != '\x7F') {
      out += c;
      continue;
    }
    std::array<char, 8> hex;
    std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<unsigned char>(c));
    out += hex.data();
  }
  return out;
}

// --- The source ---

Row SourceTable::KeyCells(const Row& row) const {
  Row key;
  for (const std::uint32_t index : schema.Key()) key.push_back(row[index]);
  return key;
}

std::string SourceTable::KeyOf(const Row& row) const {
  std::vector<std::string> stored;
  for (const std::uint32_t index : schema.Key()) stored.push_back(Stored(schema.columns[index], row[index]));
  return KeyText(stored);
}

StoredRows SourceTable::Rows() const {
  StoredRows stored;
  for (const auto& [key, row] : rows) {
    std::vector<std::string>& values = stored[key];
    for (std::size_t i = 0; i < row.size(); ++i) values.push_back(Stored(schema.columns[i], row[i]));
  }
  return stored;
}

std::string Source::NewName(Dice& dice) {
  static const std::vector<std::string> kNames = {"name", "Order ", "a\"b", "select", "rowid", "ö]", "'x'"};
  return absl::StrCat(kNames[dice.Below(kNames.size())], ++*numbers_);
}

Source::Source(Dice& dice, bool any_keys)
    : lsn(static_cast<std::int64_t>(dice.Below(1'000))), any_keys_(any_keys) {
  if (dice.OneIn(10)) lsn += std::int64_t{1} << 62;
  static const std::vector<std::string> kNames = {"contact", "Order Details", "quo\"te", "select",
                                                  "Größe",   "t'1",           "a;b--"};
  const std::size_t count = 1 + dice.Below(4);
  for (std::size_t i = 0; i < count; ++i) AddTable(dice, kNames[(i * 2 + dice.Below(2)) % kNames.size()]);
}

SourceTable Source::MakeTable(Dice& dice, const std::string& name) {
  SourceTable table;
  table.schema.name = name;
  const bool with_ids = dice.OneIn(2);
  if (with_ids && dice.OneIn(2)) table.schema.table_id = ++*numbers_;
  const std::uint64_t shape = dice.Below(8);
  if (shape < 3) {  // One integer key.
    Column id = RandomColumn(dice, NewName(dice));
    id = Column{.name = id.name, .type = static_cast<Type>(2 + dice.Below(3)), .key_position = 1};
    table.schema.columns.push_back(id);
  } else if (shape < 7) {  // One to three other keys, in any order.
    const auto count = static_cast<std::uint32_t>(1 + dice.Below(3));
    for (std::uint32_t i = 0; i < count; ++i) {
      Column column = RandomKeyColumn(dice, NewName(dice));
      if (!any_keys_ && column.type == Type::kAny && !dice.OneIn(10)) {
        column.type = Type::kText;
        column.affinity = Affinity::kUnspecified;
      }
      table.schema.columns.push_back(std::move(column));
      table.schema.columns.back().key_position = count - i;
    }
  }
  const std::size_t others = dice.Below(6) + (shape == 7 ? 1 : 0);
  for (std::size_t i = 0; i < others; ++i) {
    table.schema.columns.push_back(RandomColumn(dice, NewName(dice)));
    Column& column = table.schema.columns.back();
    if (dice.OneIn(4)) column.default_value = RandomDefault(dice, column);
  }
  if (dice.OneIn(3)) dice.Shuffle(table.schema.columns);
  for (Column& column : table.schema.columns) {
    table.uids.push_back(++*numbers_);
    if (with_ids) column.column_id = table.uids.back();
  }
  table.log_begins = table.changed = lsn;
  return table;
}

void Source::AddTable(Dice& dice, const std::string& name) {
  ++lsn;
  SourceTable table = MakeTable(dice, name);
  for (std::size_t i = dice.Below(12); i > 0; --i) {
    Row row = RandomRow(dice, table.schema);
    std::string key = table.keyed() ? table.KeyOf(row) : absl::StrCat("#", ++*numbers_);
    table.rows.emplace(std::move(key), std::move(row));
  }
  schema_version = ++*numbers_;
  tables[FoldName(name)] = std::move(table);
}

void Source::Write(SourceTable& table, const std::string& key, const Row& key_cells, bool whole,
                   std::set<std::uint64_t> touched) {
  table.changed = ++lsn;
  if (table.keyed()) table.log.push_back({lsn, key, key_cells, whole, std::move(touched)});
}

void Source::ChangeRows(Dice& dice) {
  if (tables.empty()) return;
  for (std::size_t i = dice.Below(3); i > 0; --i) ChangeRows(dice, dice.Pick(tables).second);
}

void Source::ChangeRows(Dice& dice, SourceTable& table) {
  const TableSchema& schema = table.schema;
  std::vector<std::uint32_t> others;
  for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
    if (schema.columns[i].key_position == 0) others.push_back(i);
  }
  for (std::size_t n = 1 + dice.Below(5); n > 0; --n) {
    const std::uint64_t what = table.rows.empty() ? 0 : dice.Below(10);
    if (what < 3) {  // Insert, or replace where the key is there.
      Row row = RandomRow(dice, schema);
      const std::string key = table.keyed() ? table.KeyOf(row) : absl::StrCat("#", ++*numbers_);
      Write(table, key, table.KeyCells(row), true, {});
      table.rows[key] = std::move(row);
      continue;
    }
    const auto found =
        std::next(table.rows.begin(), static_cast<std::ptrdiff_t>(dice.Below(table.rows.size())));
    const std::string key = found->first;
    Row& row = found->second;
    if (what < 7 && !others.empty()) {  // Update; sometimes to the value that it has.
      dice.Shuffle(others);
      const std::size_t count = 1 + dice.Below(others.size());
      std::set<std::uint64_t> touched;
      for (std::size_t i = 0; i < count; ++i) {
        if (!dice.OneIn(5)) row[others[i]] = RandomCell(dice, schema.columns[others[i]]);
        touched.insert(table.uids[others[i]]);
      }
      Write(table, key, table.KeyCells(row), false, std::move(touched));
    } else if (what == 7 && table.keyed()) {  // Another key: the old one goes, the new one comes.
      Row moved = row;
      for (const std::uint32_t index : schema.Key()) {
        if (dice.OneIn(2)) moved[index] = RandomCell(dice, schema.columns[index]);
        // The same key in another form.
        if (schema.columns[index].affinity == Affinity::kBlob && moved[index].kind == Kind::kInteger &&
            moved[index].integer > -1'000 && moved[index].integer < 1'000 && dice.OneIn(2)) {
          moved[index] = {.kind = Kind::kReal, .real = static_cast<double>(moved[index].integer)};
        }
      }
      Write(table, key, table.KeyCells(row), true, {});
      table.rows.erase(key);
      const std::string new_key = table.KeyOf(moved);
      Write(table, new_key, table.KeyCells(moved), true, {});
      table.rows[new_key] = std::move(moved);
    } else {
      Write(table, key, table.KeyCells(row), true, {});
      table.rows.erase(key);
    }
  }
}

/// The rows under the keys of a new definition; of two with one key the first stays. The log starts again.
void Source::Rekey(SourceTable& table) {
  std::map<std::string, Row> rows;
  for (auto& [key, row] : table.rows) {
    std::string new_key = table.keyed() ? table.KeyOf(row) : key;
    rows.emplace(std::move(new_key), std::move(row));
  }
  table.rows = std::move(rows);
  table.log.clear();
  table.log_begins = table.changed = ++lsn;
}

void Source::AddColumn(Dice& dice, SourceTable& table) {
  Column column = RandomColumn(dice, NewName(dice));
  const bool with_ids = table.schema.columns[0].column_id != 0;
  const std::uint64_t uid = ++*numbers_;
  if (with_ids) column.column_id = uid;
  SchemaChange change = SchemaChange::kInPlace;
  std::uint64_t what = dice.Below(3);
  if (what == 1) column.default_value = RandomDefault(dice, column);
  if (what == 1 && !column.default_value) what = 0;
  if (what == 0) {
    column.nullable = true;
    column.backfill = Backfill::kNone;
  } else if (what == 1) {
    column.backfill = Backfill::kDefault;
  } else {
    column.backfill = dice.OneIn(2) ? Backfill::kUnknown : Backfill::kUnspecified;
    change = SchemaChange::kRepopulate;
  }
  const std::size_t place = dice.Below(table.schema.columns.size() + 1);
  for (auto& [key, row] : table.rows) {
    Cell cell;
    if (what == 1) cell = CellOf(*column.default_value);
    if (what == 2) cell = RandomCell(dice, column);
    row.insert(row.begin() + static_cast<std::ptrdiff_t>(place), std::move(cell));
  }
  table.schema.columns.insert(table.schema.columns.begin() + static_cast<std::ptrdiff_t>(place), column);
  table.uids.insert(table.uids.begin() + static_cast<std::ptrdiff_t>(place), uid);
  schema_changes[FoldName(table.schema.name)].push_back(change);
  table.changed = ++lsn;
}

void Source::ChangeSchema(Dice& dice) {
  schema_version = ++*numbers_;
  ++lsn;
  const std::uint64_t what = dice.Below(12);
  if (what == 0 && tables.size() < 5) {
    static const std::vector<std::string> kNames = {"contact", "new table", "select", "Order Details"};
    const std::string name = kNames[dice.Below(kNames.size())];
    const bool again = tables.contains(FoldName(name));
    AddTable(dice, name);  // In place of one of that name: dropped and made again.
    if (again) schema_changes[FoldName(name)].push_back(SchemaChange::kEither);
    return;
  }
  if (tables.empty()) return;
  auto& [folded, table] = dice.Pick(tables);
  if (what == 1) {
    schema_changes[folded].push_back(SchemaChange::kEither);  // Until it is there again.
    tables.erase(std::string(folded));
    return;
  }
  if (what == 2) {  // The same definition with other rows; without an id nobody but the log can tell.
    schema_changes[folded].push_back(table.schema.table_id != 0 ? SchemaChange::kRepopulate
                                                                : SchemaChange::kEither);
    if (table.schema.table_id != 0) table.schema.table_id = ++*numbers_;
    table.rows.clear();
    table.log.clear();
    table.log_begins = table.changed = ++lsn;
    ChangeRows(dice, table);
    return;
  }
  if (what == 3) {
    for (char& c : table.schema.name) {
      if (c >= 'a' && c <= 'z') {
        c = static_cast<char>(c - 'a' + 'A');
      } else if (c >= 'A' && c <= 'Z') {
        c = static_cast<char>(c - 'A' + 'a');
      }
    }
    schema_changes[folded].push_back(SchemaChange::kInPlace);
    return;
  }
  ChangeDefinition(dice, table);
}

void Source::ChangeDefinition(Dice& dice, SourceTable& table) {
  std::vector<SchemaChange>& changes = schema_changes[FoldName(table.schema.name)];
  const std::size_t index = dice.Below(table.schema.columns.size());
  Column& column = table.schema.columns[index];
  const bool key = column.key_position != 0;
  // Old rows of a column that the mirror may not have yet hold what its definition said when it came.
  const auto changed_default = [&] {
    if (column.backfill == Backfill::kDefault) column.backfill = Backfill::kUnknown;
  };
  switch (dice.Below(10)) {
    case 0:
    case 1:
    case 2:
      return AddColumn(dice, table);
    case 3:  // Drop.
      if (key || table.schema.columns.size() == 1) return;
      for (auto& [row_key, row] : table.rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(index));
      table.schema.columns.erase(table.schema.columns.begin() + static_cast<std::ptrdiff_t>(index));
      table.uids.erase(table.uids.begin() + static_cast<std::ptrdiff_t>(index));
      changes.push_back(SchemaChange::kInPlace);
      return;
    case 4:  // Rename: without ids a new column takes the place of an old one.
      if (column.column_id == 0) {
        if (key) return;
        column.backfill = Backfill::kUnknown;
        changes.push_back(SchemaChange::kRepopulate);
      } else {
        changes.push_back(SchemaChange::kInPlace);
      }
      column.name = NewName(dice);
      return;
    case 5: {  // Two columns swap their names.
      const std::size_t other = dice.Below(table.schema.columns.size());
      if (column.column_id == 0 || other == index) return;
      std::swap(column.name, table.schema.columns[other].name);
      changes.push_back(SchemaChange::kEither);
      return;
    }
    case 6:  // Widen.
      if (column.type == Type::kBool && !key) {
        column.type = Type::kInt16;
      } else if (column.type == Type::kInt16) {
        column.type = dice.OneIn(2) ? Type::kInt32 : Type::kInt64;
      } else if (column.type == Type::kInt32) {
        column.type = Type::kInt64;
      } else if (column.type == Type::kFloat && !key) {
        column.type = Type::kDouble;
      } else if (column.type == Type::kDecimal) {
        column.precision += 3;
      } else if (column.type == Type::kText && column.length != 0) {
        column.length = dice.OneIn(2) ? 0 : column.length + 5;
      } else if ((column.type == Type::kText || column.type == Type::kBytes || column.type == Type::kInt64 ||
                  column.type == Type::kDouble) &&
                 !key && dice.OneIn(2)) {
        column.affinity = column.type == Type::kText    ? Affinity::kText
                          : column.type == Type::kBytes ? Affinity::kBlob
                          : column.type == Type::kInt64 ? Affinity::kInteger
                                                        : Affinity::kReal;
        column.type = Type::kAny;
        column.length = 0;
      } else {
        return;
      }
      changes.push_back(SchemaChange::kInPlace);
      return;
    case 7: {  // Narrow, or another type altogether.
      if (key) return;
      const bool narrower = dice.OneIn(2) && Narrow(column);
      if (!narrower) {
        const std::uint64_t id = column.column_id;
        column = RandomColumn(dice, column.name);
        column.column_id = id;
      }
      column.backfill = Backfill::kUnknown;
      const std::uint64_t uid = table.uids[index];
      for (auto& [row_key, row] : table.rows) {
        row[index] = RandomCell(dice, column);
        Write(table, row_key, table.KeyCells(row), false, {uid});
      }
      changes.push_back(narrower ? SchemaChange::kRepopulate : SchemaChange::kEither);
      return;
    }
    case 8:  // NULL, NOT NULL, default.
      changed_default();
      if (dice.OneIn(2) && !key) {
        column.nullable = true;
        changes.push_back(SchemaChange::kInPlace);
        return;
      }
      column.default_value = dice.OneIn(3) ? std::nullopt : RandomDefault(dice, column);
      changes.push_back(SchemaChange::kInPlace);
      return;
    default: {  // Another key.
      if (key) {
        for (Column& other : table.schema.columns) other.key_position = 0;
      } else {
        for (auto& [row_key, row] : table.rows) {
          if (row[index].kind == Kind::kNull) return;
        }
        if (column.default_value && std::holds_alternative<Null>(*column.default_value)) return;
        column.nullable = false;
        changed_default();
        column.key_position = static_cast<std::uint32_t>(table.schema.Key().size()) + 1;
      }
      Rekey(table);
      changes.push_back(SchemaChange::kRepopulate);
      return;
    }
  }
}

void Source::Trim(const std::string& table, std::int64_t to) {
  SourceTable& trimmed = tables.at(table);
  std::erase_if(trimmed.log, [to](const LogEntry& entry) { return entry.lsn <= to; });
  trimmed.log_begins = std::max(trimmed.log_begins, to);
}

Position Source::Record(Dice& dice) {
  const Position position{Lsn{lsn}, RandomBytes(dice, 8 + dice.Below(57))};
  record_.emplace(position.lsn.value, position.lineage);
  return position;
}

bool Source::Knows(const Position& position) const {
  return record_.contains({position.lsn.value, position.lineage});
}

void Source::DefinitionsMayDiffer() {
  for (auto& [name, table] : tables) schema_changes[name].push_back(SchemaChange::kEither);
}

std::vector<NetChange> Source::Fold(const SourceTable& table, std::int64_t since) {
  std::map<std::string, NetChange> net;
  for (const LogEntry& entry : table.log) {
    if (entry.lsn <= since) continue;
    const auto [found, fresh] = net.try_emplace(entry.key);
    NetChange& change = found->second;
    if (fresh) change.kind = NetChange::kUpdate;
    change.key = entry.key;
    change.key_cells = entry.key_cells;
    if (entry.whole) change.kind = NetChange::kInsert;
    change.touched.insert(entry.touched.begin(), entry.touched.end());
  }
  std::vector<NetChange> changes;
  for (auto& [key, change] : net) {
    if (!table.rows.contains(key)) change.kind = NetChange::kDelete;
    changes.push_back(std::move(change));
  }
  return changes;
}

// --- Batches ---

v1::ChangeBatch OutBatch::Encode() const {
  v1::ChangeBatch message;
  RowBlock block = RowBlock::For(*schema, columns);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const Cell& cell = rows[r][c];
      if (const auto part = large.find({r, c}); part != large.end()) {
        block.columns[c].AppendLarge(part->second, cell.bytes.size(), cell.kind);
      } else {
        Append(cell, block.columns[c]);
      }
    }
  }
  EncodeRows(block, &message);
  message.set_table(table);
  message.set_schema_hash(spoil == Spoil::kHash ? hash + "0" : hash);
  message.set_seq(seq);
  message.set_base_lsn(spoil == Spoil::kBase ? base.value + 1 : base.value);
  if (seq == 1) EncodePosition(target, message.mutable_target());
  message.set_populate(static_cast<v1::PopulateReason>(populate));
  message.set_operation(static_cast<v1::Operation>(operation));
  if (commit) {
    message.mutable_commit()->set_batches(spoil == Spoil::kCommit ? commit->batches + 1 : commit->batches);
    EncodePosition(commit->position, message.mutable_commit()->mutable_position());
  }
  switch (spoil) {
    case Spoil::kRowCount:
      message.set_row_count(message.row_count() + 1);
      break;
    case Spoil::kColumn:
      message.mutable_columns(0)->set_column(static_cast<std::uint32_t>(schema->columns.size()));
      break;
    case Spoil::kLengths:
      message.mutable_columns(0)->mutable_data()->append("x");
      message.mutable_columns(0)->add_lengths(2);
      break;
    default:
      break;
  }
  return message;
}

std::string OutBatch::Describe() const {
  static constexpr std::array<const char*, 4> kOperations = {"", "INSERT", "UPDATE", "DELETE"};
  std::string text =
      absl::StrCat("'", table, "' seq ", seq, " base ", base.value, " ",
                   kOperations[static_cast<std::size_t>(operation)], " ", rows.size(), " rows");
  if (columns.size() < schema->columns.size()) absl::StrAppend(&text, " of ", columns.size(), " columns");
  if (!large.empty()) absl::StrAppend(&text, ", ", large.size(), " in parts");
  if (populate != PopulateReason::kNone)
    absl::StrAppend(&text, ", populate ", std::string(ToString(populate)));
  if (commit) absl::StrAppend(&text, ", commit ", commit->position.lsn.value);
  if (spoil != Spoil::kNone) absl::StrAppend(&text, ", SPOILT ", static_cast<int>(spoil));
  return text;
}

// --- The mirror ---

void MirrorModel::BeginCycle(std::int64_t new_cycle) {
  EndCycle();
  cycle = new_cycle;
  active = true;
  touched = false;
}

void MirrorModel::EndCycle() {
  ++cycle;
  active = false;
  holder.clear();
  announced.clear();
  parts_.clear();
  for (auto& [name, table] : tables) table.shadow.reset();
}

void MirrorModel::KeepPart(const std::string& table, std::uint64_t value_id, std::uint64_t offset,
                           const std::string& data) {
  std::string& whole = parts_[{FoldName(table), value_id}];
  if (whole.size() == offset) whole += data;
}

bool MirrorModel::Complete(const OutBatch& batch) const {
  return std::all_of(batch.large.begin(), batch.large.end(), [&](const auto& entry) {
    const auto part = parts_.find({FoldName(batch.table), entry.second});
    return part != parts_.end() &&
           part->second.size() == batch.rows[entry.first.first][entry.first.second].bytes.size();
  });
}

void MirrorModel::Write(const OutBatch& batch, StoredRows& rows, Verdict& verdict) {
  const TableSchema& schema = *batch.schema;
  const std::vector<std::uint32_t> key_columns = schema.Key();
  StoredRows next = rows;
  for (std::size_t r = 0; r < batch.rows.size(); ++r) {
    std::vector<std::string> values(schema.columns.size(), "N");
    for (std::size_t c = 0; c < batch.columns.size(); ++c) {
      values[batch.columns[c]] = Stored(schema.columns[batch.columns[c]], batch.rows[r][c]);
    }
    std::vector<std::string> key_values;
    for (const std::uint32_t index : key_columns) key_values.push_back(values[index]);
    const std::string key = key_columns.empty() ? absl::StrCat("#", ++running_number_) : KeyText(key_values);
    if (batch.operation == Operation::kDelete) {
      next.erase(key);
    } else if (batch.operation == Operation::kInsert) {
      next[key] = std::move(values);
    } else if (const auto found = next.find(key); found == next.end()) {
      verdict.missing.push_back(static_cast<std::uint32_t>(r));
    } else {
      for (const std::uint32_t index : batch.columns) found->second[index] = values[index];
    }
  }
  if (verdict.missing.empty()) {
    rows = std::move(next);
    return;
  }
  verdict.code = absl::StatusCode::kFailedPrecondition;
  verdict.more_missing = verdict.missing.size() > 1'000;
  if (verdict.more_missing) verdict.missing.resize(1'000);
}

Verdict MirrorModel::Apply(std::int64_t of_cycle, const OutBatch& batch, bool refused_before) {
  constexpr auto kRefused = absl::StatusCode::kFailedPrecondition;
  const std::string key = FoldName(batch.table);
  const auto found = tables.find(key);
  const bool known = found != tables.end() && found->second.has_record;
  if (announced.empty() || refused.contains(key)) return {kRefused};
  if (found == tables.end() || !found->second.agreed) return {kRefused};
  if (batch.spoil != Spoil::kNone && batch.spoil < Spoil::kHash) return {absl::StatusCode::kInvalidArgument};
  if (!known || batch.spoil == Spoil::kHash) return {kRefused};
  MirrorTable& table = found->second;
  if (table.hash != batch.hash) return {kRefused};
  if (table.state == MirrorTable::kStopped && table.cycle == of_cycle) return {kRefused};
  const std::uint64_t applied = table.cycle == of_cycle ? table.seq : 0;
  if (batch.seq <= applied) return {.repeated = true};
  if (batch.seq > applied + 1 || refused_before) return {absl::StatusCode::kAborted};
  const bool begins = batch.populate != PopulateReason::kNone;
  const Lsn held = begins ? Lsn{} : table.position.lsn;
  if (batch.base != held || batch.spoil == Spoil::kBase) return {kRefused};
  const bool populating = begins || (table.state == MirrorTable::kPopulating && table.cycle == of_cycle);
  if (!populating && (table.state != MirrorTable::kMirrored || held == Lsn{})) return {kRefused};
  if (batch.spoil == Spoil::kCommit || !Complete(batch)) return {kRefused};

  Verdict verdict;
  if (!begins && populating && !table.shadow) return {kRefused};
  StoredRows fresh;
  StoredRows& target = begins ? fresh : populating ? *table.shadow : table.rows;
  Write(batch, target, verdict);
  if (verdict.more_missing) {
    table.position = {};
    table.state = MirrorTable::kStopped;
    table.cycle = of_cycle;
  }
  if (verdict.code != absl::StatusCode::kOk) return verdict;
  for (const auto& [place, value_id] : batch.large) parts_.erase({key, value_id});
  touched = true;
  table.seq = batch.seq;
  table.cycle = of_cycle;
  if (batch.seq == 1) table.pending = batch.target;
  if (begins) {
    table.shadow = std::move(fresh);
    table.position = {};
    table.state = MirrorTable::kPopulating;
  }
  if (!batch.commit) return verdict;
  table.position = batch.commit->position;
  table.pending.reset();
  table.state = MirrorTable::kMirrored;
  if (!populating) return verdict;
  table.rows = *std::move(table.shadow);
  table.shadow.reset();
  table.visible = *table.agreed;
  table.visible_known = true;
  table.counted = true;
  return verdict;
}

Verdict MirrorModel::Advance(std::int64_t of_cycle, const std::string& name, Lsn base,
                             const Position& position) {
  constexpr auto kRefused = absl::StatusCode::kFailedPrecondition;
  const std::string key = FoldName(name);
  const auto found = tables.find(key);
  if (announced.empty() || refused.contains(key) || found == tables.end() || !found->second.has_record) {
    return {kRefused};
  }
  MirrorTable& table = found->second;
  if (table.position == position && !table.pending && table.cycle == of_cycle) return {.repeated = true};
  if (table.position.lsn != base || base == Lsn{} || table.pending || table.state != MirrorTable::kMirrored) {
    return {kRefused};
  }
  if (table.cycle != of_cycle) table.seq = 0;
  table.cycle = of_cycle;
  table.position = position;
  touched = true;
  return {};
}

void MirrorModel::Alter(MirrorTable& table, const TableSchema& announced_schema) {
  if (!(table.visible == *table.agreed)) table.visible_known = false;
  std::vector<std::optional<std::size_t>> origin;
  for (const Column& column : announced_schema.columns) {
    std::optional<std::size_t> from;
    for (std::size_t i = 0; i < table.visible.columns.size(); ++i) {
      const Column& old = table.visible.columns[i];
      const bool both = old.column_id != 0 && column.column_id != 0;
      if (both ? old.column_id == column.column_id : SameName(old.name, column.name)) from = i;
    }
    origin.push_back(from);
  }
  for (auto& [key, row] : table.rows) {
    std::vector<std::string> next;
    for (std::size_t i = 0; i < origin.size(); ++i) {
      const Column& column = announced_schema.columns[i];
      if (origin[i]) {
        next.push_back(row[*origin[i]]);
      } else if (column.backfill == Backfill::kDefault && column.default_value) {
        next.push_back(Stored(column, CellOf(*column.default_value)));
      } else {
        next.push_back("N");
      }
    }
    row = std::move(next);
  }
  table.visible = announced_schema;
}

void MirrorModel::Forget(const std::string& folded_name) {
  tables.erase(folded_name);
  std::erase_if(parts_, [&](const auto& part) { return part.first.first == folded_name; });
}

}  // namespace mirror::model
