#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proto/wire/codec.h"
#include "proto/wire/receipt.h"
#include "proto/wire/receipt_codec.h"
#include "proto/wire/value_rules.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/batches.h"

namespace mirror::random_batch_test {
namespace {

constexpr std::int64_t kDay = 864'000'000'000;

// What a row was given, on its own.
struct Model {
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  std::string bytes;
  std::uint64_t value_id = 0;  // Not 0: it travels in parts.
};

Model OfInt(std::int64_t integer) {
  Model model;
  model.kind = Kind::kInteger;
  model.integer = integer;
  return model;
}
Model OfReal(double real) {
  Model model;
  model.kind = Kind::kReal;
  model.real = real;
  return model;
}
Model OfBytes(Kind kind, std::string bytes) {
  Model model;
  model.kind = kind;
  model.bytes = std::move(bytes);
  return model;
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t Below(std::uint64_t limit) { return engine_() % limit; }
  std::int64_t Any64() { return static_cast<std::int64_t>(engine_()); }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

std::string RandomText(Dice& dice, std::size_t characters) {
  static const std::vector<std::string> kCharacters = {"a", "Z", " ",  "[", "\x7F",       "\x01",
                                                       "å", "ß", "山", "€", "\U0001F600", "\U0010FFFF"};
  const bool ascii = dice.OneIn(2);
  std::string text;
  for (std::size_t i = 0; i < characters; ++i)
    text += kCharacters[dice.Below(ascii ? 6 : kCharacters.size())];
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
  for (std::uint64_t i = 0; i < whole; ++i)
    text += static_cast<char>('0' + (i == 0 ? 1 + dice.Below(9) : dice.Below(10)));
  const std::uint64_t fraction = dice.Below(column.scale + 1);
  if (fraction > 0) text += '.';
  for (std::uint64_t i = 0; i < fraction; ++i) text += static_cast<char>('0' + dice.Below(10));
  return HoldsDecimal(column, text) ? text : text.substr(1);  // Minus zero.
}

double RandomReal(Dice& dice) { return static_cast<double>(dice.Any64()) / 1024; }

Model RandomAny(Dice& dice, const Column& column) {
  for (;;) {
    Model model;
    model.kind = static_cast<Kind>(1 + dice.Below(5));
    const bool number = model.kind == Kind::kInteger || model.kind == Kind::kReal;
    if (column.affinity == Affinity::kText && number) continue;
    if (column.affinity == Affinity::kReal && model.kind == Kind::kInteger) continue;
    if (model.kind == Kind::kInteger) model.integer = dice.Any64();
    if (model.kind == Kind::kReal) model.real = RandomReal(dice);
    if (model.kind == Kind::kText) model.bytes = RandomText(dice, dice.Below(20));
    if (model.kind == Kind::kBlob || model.kind == Kind::kRawText)
      model.bytes = RandomBytes(dice, dice.Below(20));
    // Refused there, since it could be stored as a number: codec_test has the rule.
    const bool keeps_digits = column.affinity == Affinity::kText || column.affinity == Affinity::kBlob;
    if (model.kind == Kind::kRawText && !keeps_digits) model.bytes.insert(0, "x");
    return model;
  }
}

Model RandomValue(Dice& dice, const Column& column) {
  if (column.type == Type::kAny) return RandomAny(dice, column);
  static constexpr std::int64_t kSteps[] = {10'000'000, 1'000'000, 100'000, 10'000, 1'000, 100, 10, 1};
  const std::int64_t step = kSteps[std::min(column.precision, 7U)];
  const auto of_steps = [&](std::int64_t last) {
    return static_cast<std::int64_t>(dice.Below(static_cast<std::uint64_t>(last / step) + 1)) * step;
  };
  switch (column.type) {
    case Type::kBool:
      return OfInt(static_cast<std::int64_t>(dice.Below(2)));
    case Type::kInt16:
      return OfInt(static_cast<std::int16_t>(dice.Any64()));
    case Type::kInt32:
      return OfInt(static_cast<std::int32_t>(dice.Any64()));
    case Type::kInt64:
      return OfInt(dice.Any64());
    case Type::kFloat:
      return OfReal(static_cast<double>(static_cast<float>(RandomReal(dice))));
    case Type::kDouble:
      return OfReal(RandomReal(dice));
    case Type::kDecimal:
      return OfBytes(Kind::kText, RandomDecimal(dice, column));
    case Type::kText:
      return OfBytes(Kind::kText,
                     RandomText(dice, dice.Below(column.length == 0 ? 40 : column.length / 2 + 1)));
    case Type::kBytes:
      return OfBytes(Kind::kBlob, RandomBytes(dice, dice.Below(column.length == 0 ? 40 : column.length + 1)));
    case Type::kDate:
      return OfInt(static_cast<std::int64_t>(dice.Below(3'652'059)) * kDay);
    case Type::kTime:
      return OfInt(of_steps(kDay - 1));
    case Type::kTimestamp:
    case Type::kTimestampTz:
      return OfInt(of_steps(3'155'378'975'999'999'999));
    default:
      return OfBytes(Kind::kBlob, RandomBytes(dice, 16));
  }
}

Column RandomColumn(Dice& dice, std::size_t index) {
  Column column = MakeColumn("c" + std::to_string(index), static_cast<Type>(1 + dice.Below(15)));
  column.nullable = dice.OneIn(2);
  if (column.type == Type::kAny) column.affinity = static_cast<Affinity>(1 + dice.Below(5));
  if (column.type == Type::kText || column.type == Type::kBytes) {
    column.length = static_cast<std::uint32_t>(dice.Below(30));
  }
  if (column.type == Type::kDecimal) {
    column.precision = static_cast<std::uint32_t>(1 + dice.Below(60));
    column.scale = static_cast<std::uint32_t>(dice.Below(column.precision + 1));
  }
  if (column.type >= Type::kDate && column.type <= Type::kTimestampTz) {
    column.precision = static_cast<std::uint32_t>(dice.Below(8));
  }
  return column;
}

void Append(const Model& model, ColumnBuffer& buffer) {
  if (model.value_id != 0) return buffer.AppendLarge(model.value_id, 5'000'000, model.kind);
  switch (model.kind) {
    case Kind::kNull:
      return buffer.AppendNull();
    case Kind::kInteger:
      return buffer.AppendInt(model.integer);
    case Kind::kReal:
      return buffer.AppendDouble(model.real);
    default:
      return buffer.AppendBytes(model.bytes, model.kind);
  }
}

void ExpectSame(const Value& value, const Model& model) {
  ASSERT_EQ(value.kind, model.kind);
  EXPECT_EQ(value.integer, model.integer);
  EXPECT_EQ(value.real, model.real);
  EXPECT_EQ(value.bytes, model.bytes);
  ASSERT_EQ(value.large != nullptr, model.value_id != 0);
  if (value.large == nullptr) return;
  EXPECT_EQ(value.large->value_id, model.value_id);
}

// One table with a key of 0 to 2 columns, the first of them different in every row, and one batch of it.
void OneRoundTrip(Dice& dice) {
  std::vector<Column> columns;
  const std::size_t key_columns = dice.Below(3);
  for (std::size_t i = 0; i < 1 + key_columns + dice.Below(6); ++i) columns.push_back(RandomColumn(dice, i));
  if (key_columns > 0) columns[0] = MakeColumn("id", dice.OneIn(2) ? Type::kInt64 : Type::kText, 1);
  if (key_columns > 1) {
    columns[1].key_position = 2;
    columns[1].nullable = false;
  }
  const TableSchema table = Table(columns);
  ASSERT_THAT(CheckTable(table), IsOk());
  v1::Table table_message;
  EncodeTable(table, &table_message);
  ASSERT_THAT(DecodeTable(table_message, WireLimits{}), IsOkAndHolds(table));

  const std::size_t rows = 1 + dice.Below(70);
  std::set<std::int64_t> ids;
  while (ids.size() < rows) ids.insert(static_cast<std::int64_t>(dice.Below(100'000)) - 50'000);
  std::vector<std::int64_t> shuffled(ids.begin(), ids.end());
  if (!dice.OneIn(3)) {
    for (std::size_t i = rows; i > 1; --i) std::swap(shuffled[i - 1], shuffled[dice.Below(i)]);
  }
  std::vector<std::vector<Model>> models(columns.size());
  RowBlock block = RowBlock::ForAll(table);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const bool can_be_large = columns[c].key_position == 0 && columns[c].length == 0 &&
                              (columns[c].type == Type::kText || columns[c].type == Type::kBytes);
    for (std::size_t row = 0; row < rows; ++row) {
      Model model = RandomValue(dice, columns[c]);
      if (columns[c].nullable && dice.OneIn(4)) model = {};
      if (can_be_large && model.kind != Kind::kNull && dice.OneIn(20)) {
        model.bytes.clear();
        model.value_id = row + 1;
      }
      if (key_columns > 0 && c == 0) {
        model = columns[c].type == Type::kText ? OfBytes(Kind::kText, "key-" + std::to_string(shuffled[row]))
                                               : OfInt(shuffled[row]);
      }
      Append(model, block.columns[c]);
      models[c].push_back(model);
    }
  }

  v1::ChangeBatch message;
  ASSERT_TRUE(message.ParseFromString(Insert(table, block).SerializeAsString()));
  const auto batch = DecodeBatch(message, table, WireLimits{});
  ASSERT_THAT(batch, IsOk());
  ASSERT_EQ(batch->row_count, rows);
  EXPECT_EQ(BatchDigest(*batch, {}), BatchDigest(message)) << "source and mirror hash the same";
  for (std::uint32_t c = 0; c < columns.size(); ++c) {
    for (std::uint32_t row = 0; row < rows; ++row) ExpectSame(batch->Find(c)->At(row), models[c][row]);
  }
  std::vector<std::uint32_t> order = batch->key_order;
  if (order.empty()) {
    for (std::uint32_t row = 0; row < rows; ++row) order.push_back(row);
  }
  ASSERT_EQ(std::set<std::uint32_t>(order.begin(), order.end()).size(), rows);
  for (std::size_t i = 1; i < rows && key_columns > 0; ++i) {
    EXPECT_LT(CompareValues(batch->columns[0].At(order[i - 1]), batch->columns[0].At(order[i])), 0);
  }
}

TEST(RandomBatchTest, WhatIsEncodedIsDecoded) {
  const char* given = std::getenv("MIRROR_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE("repeat with MIRROR_TEST_SEED=" + std::to_string(seed));
  Dice dice(seed);
  for (int round = 0; round < 300 && !testing::Test::HasFailure(); ++round) OneRoundTrip(dice);
}

}  // namespace
}  // namespace mirror::random_batch_test
