#ifndef MIRROR_TESTS_SERVER_STORE_POSTGRES_SAMPLES_H_
#define MIRROR_TESTS_SERVER_STORE_POSTGRES_SAMPLES_H_

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/rows.h"

// Values that stores are asked to keep as they are.

namespace mirror {

inline constexpr std::int64_t kSecond = 10'000'000;
inline constexpr std::int64_t kDay = 86'400 * kSecond;
inline constexpr std::int64_t kLastDay = 3'652'058 * kDay;
inline constexpr std::int64_t kLeapDay = 738'944 * kDay;  // 2024-02-29
inline constexpr std::int64_t kSteps[] = {kSecond, 1'000'000, 100'000, 10'000, 1'000, 100, 10, 1};

/// A column and what is to stand in it, whatever is beside it.
struct Sample {
  Column column;
  std::vector<Cell> values;
};

inline std::string AllBytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes;
}

inline Sample TimeSample(Type type, std::uint32_t precision) {
  Sample sample{PlainColumn(absl::StrCat(std::string(ToString(type)), precision), type), {nullptr, 0}};
  sample.column.precision = precision;
  const std::int64_t step = kSteps[precision], last = kDay - step;
  sample.values.insert(sample.values.end(), {step, last, 12 * 3'600 * kSecond + 7 * step});
  if (type == Type::kTime) return sample;
  sample.values.insert(sample.values.end(), {kLastDay + last, kLeapDay, kLeapDay - step, 719'162 * kDay,
                                             730'119 * kDay - step, 730'119 * kDay});
  return sample;
}

/// Every type, and what each of its values can look like.
inline std::vector<Sample> Samples() {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::vector<Sample> samples = {
      {PlainColumn("bool", Type::kBool), {nullptr, 0, 1}},
      {PlainColumn("int16", Type::kInt16), {nullptr, 0, -32'768, 32'767}},
      {PlainColumn("int32", Type::kInt32), {nullptr, 0, std::int64_t{INT32_MIN}, std::int64_t{INT32_MAX}}},
      {PlainColumn("int64", Type::kInt64), {nullptr, 0, -1, kLeast, kMost}},
      {PlainColumn("float", Type::kFloat), {nullptr, 0.0, -0.0, 0.5, static_cast<double>(-1.5e38F), 1.0}},
      {PlainColumn("double", Type::kDouble), {nullptr, 0.1, -0.0, 5e-324, 1.7e308, 3.0, -1e-7}},
      {PlainColumn("decimal", Type::kDecimal),
       {nullptr, "0", "0.00", "1.10", "-12.50", "9999999999999999999999999999.9999999999", "-0.0000000001",
        "10000", "100000000", "0.0001"}},
      {PlainColumn("text", Type::kText),
       {nullptr, "", "a", "it's \"quoted\" \\ {1,NULL}", "Grüße \U0001F600", "\n\t"}},
      {PlainColumn("bytes", Type::kBytes), {nullptr, Blob(""), Blob(AllBytes()), Blob(std::string(3, '\0'))}},
      {PlainColumn("uuid", Type::kUuid),
       {nullptr, Blob(std::string(16, '\0')), Blob(std::string(16, '\xff')), Blob("0123456789abcdef")}},
      {PlainColumn("date", Type::kDate), {nullptr, 0, kDay, kLeapDay, kLastDay, 730'119 * kDay}},
      {AnyColumn("blob", Affinity::kBlob),
       {nullptr, 7, kLeast, 1.0, -0.0, 0.1, 1e300, "7", "", "text", Blob(""), Blob(AllBytes()),
        RawText(std::string("\xff\0x", 3)), RawText("is text")}},
      {AnyColumn("numeric", Affinity::kNumeric), {nullptr, 7, 2.0, -9e15, 0.5, 1e300, "007x", Blob("7")}},
      {AnyColumn("integer", Affinity::kInteger), {nullptr, kMost, -3.0, 2.5, "text", RawText("\xfe")}},
      {AnyColumn("real", Affinity::kReal), {nullptr, 2.0, 0.5, "text", Blob("x")}},
      {AnyColumn("textual", Affinity::kText), {nullptr, "7", "1.0", "x", Blob("7"), RawText("\xfe")}},
  };
  for (const Type type : {Type::kTime, Type::kTimestamp, Type::kTimestampTz}) {
    for (std::uint32_t precision = 0; precision <= 7; ++precision)
      samples.push_back(TimeSample(type, precision));
  }
  return samples;
}

inline TableSchema TableOf(const std::vector<Sample>& samples) {
  TableSchema table = NamedTable("Every \"type\"", {KeyColumn("id", Type::kInt64)});
  for (const Sample& sample : samples) table.columns.push_back(sample.column);
  return table;
}

inline Rows RowsOf(const std::vector<Sample>& samples, int count, int shift = 0) {
  Rows rows;
  for (int i = 0; i < count; ++i) {
    Row row = {i * 3 % count};  // Not in the order of the key.
    for (const Sample& sample : samples)
      row.push_back(sample.values[static_cast<std::size_t>(i + shift) % sample.values.size()]);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_STORE_POSTGRES_SAMPLES_H_
