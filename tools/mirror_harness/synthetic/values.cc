#include "tools/mirror_harness/synthetic/values.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mirror::harness {
namespace {

constexpr std::int64_t kTicksPerSecond = 10'000'000;
constexpr std::int64_t kTicksPerDay = 86'400 * kTicksPerSecond;
constexpr std::int64_t kDaysToYear10000 = 3'652'059;  // The day after 9999-12-31.
constexpr std::size_t kPoolBytes = 1 << 16;
constexpr std::uint32_t kLongestPooled = 4'096;

std::string MakePool(std::uint64_t seed, std::string_view alphabet) {
  std::string pool(kPoolBytes + kLongestPooled, ' ');
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const std::uint64_t bits = MixBits(seed + i * 0x9e3779b97f4a7c15ULL);
    pool[i] = alphabet.empty() ? static_cast<char>(bits) : alphabet[bits % alphabet.size()];
  }
  return pool;
}

/// Returns a long text. Values are parts of it, so that they need not be made letter by letter.
const std::string& TextPool() {
  static const std::string pool =
      MakePool(1, "eeeeaaaiiooutnrslhdcmfpgbvwykxzqj    EAIOTNRSLHDM0123456789.,-'@");
  return pool;
}

const std::string& BytesPool() {
  static const std::string pool = MakePool(2, {});
  return pool;
}

constexpr std::size_t kDates = 4'096;
const std::array<std::string, kDates>& DatePool() {
  static const auto pool = [] {
    std::array<std::string, kDates> dates;
    for (std::size_t i = 0; i < kDates; ++i) {
      const std::uint64_t bits = MixBits(i + 3);
      dates[i] =
          absl::StrFormat("%04d-%02d-%02d %02d:%02d:%02d", 1990 + bits % 40, 1 + (bits >> 8) % 12,
                          1 + (bits >> 16) % 28, (bits >> 24) % 24, (bits >> 32) % 60, (bits >> 40) % 60);
    }
    return dates;
  }();
  return pool;
}

struct OddText {
  std::string_view text;
  std::uint32_t units;  ///< Number of UTF-16 units.
};
constexpr std::array<OddText, 12> kOddTexts = {{{"", 0},
                                                {"", 0},
                                                {" ", 1},
                                                {"0", 1},
                                                {"007", 3},
                                                {"0.99", 4},
                                                {"1e25", 4},
                                                {"NULL", 4},
                                                {"[I:5]", 5},
                                                {"it's \"x\"; --", 12},
                                                {"Åse Ødegård", 11},
                                                {"\U0001F600 naïve \U0001F9D1\u200D\U0001F4BB", 14}}};

Cell Int(std::int64_t value) { return {Cell::Kind::kInt, value, 0, {}}; }
Cell Real(double value) { return {Cell::Kind::kDouble, 0, value, {}}; }
Cell View(std::string_view bytes) { return {Cell::Kind::kBytes, 0, 0, bytes}; }

/// Returns the units of the last digit of a second that the column keeps.
std::int64_t TickUnit(std::uint32_t precision) {
  std::int64_t unit = kTicksPerSecond;
  for (std::uint32_t i = 0; i < precision; ++i) unit /= 10;
  return unit;
}

std::uint64_t PowerOfTen(std::uint32_t digits) {
  std::uint64_t power = 1;
  for (std::uint32_t i = 0; i < digits; ++i) power *= 10;
  return power;
}

std::uint32_t WholeDigits(std::uint32_t precision, std::uint32_t scale) {
  return std::min(precision - scale, 18U);
}

void AppendFraction(std::string* text, std::uint64_t bits, std::uint32_t scale) {
  if (scale == 0) return;
  *text += '.';
  for (std::uint32_t i = 0; i < scale; ++i) {
    *text += static_cast<char>('0' + bits % 10);
    bits = i % 8 == 7 ? MixBits(bits) : bits / 10;
  }
}

std::string_view BigEndian(std::uint64_t value, std::size_t bytes, std::string* scratch) {
  scratch->assign(bytes, '\0');
  for (std::size_t i = 0; i < 8 && i < bytes; ++i) {
    (*scratch)[bytes - 1 - i] = static_cast<char>(value >> (8 * i));
  }
  return *scratch;
}

Cell KeyCell(const Recipe& recipe, std::int64_t key_number, std::string* scratch) {
  const std::uint64_t part = (static_cast<std::uint64_t>(key_number) >> recipe.key_shift) & recipe.key_mask;
  const auto number = static_cast<std::int64_t>(part);
  switch (recipe.type) {
    case Type::kFloat:
    case Type::kDouble:
      return Real(static_cast<double>(number));
    case Type::kDate:
      return Int(number * kTicksPerDay);
    case Type::kTime:
    case Type::kTimestamp:
    case Type::kTimestampTz:
      return Int(number * TickUnit(recipe.precision));
    case Type::kText: {
      // All texts have the same width, so that they sort as the numbers do.
      const std::uint32_t width = recipe.length == 0 ? 10 : std::min(recipe.length, 10U);
      *scratch = absl::StrFormat("%0*d", static_cast<int>(width), number);
      return View(*scratch);
    }
    case Type::kDecimal:
      // Numbers begin at 10...0, so that their texts have equal widths.
      *scratch = absl::StrCat(PowerOfTen(WholeDigits(recipe.precision, recipe.scale) - 1) + part);
      if (recipe.scale > 0) absl::StrAppend(scratch, ".", std::string(recipe.scale, '0'));
      return View(*scratch);
    case Type::kBytes:
      return View(BigEndian(part, recipe.length == 0 ? 8 : std::min(recipe.length, 8U), scratch));
    case Type::kUuid:
      return View(BigEndian(part, 16, scratch));
    default:
      return Int(number);
  }
}

/// Returns limits of ranges, and values that are easily confused with others.
Cell OddCell(const Recipe& recipe, std::uint64_t bits, std::string* scratch) {
  const bool low = (bits & 1U) != 0;
  switch (recipe.type) {
    case Type::kBool:
      return Int(low ? 0 : 1);
    case Type::kInt16:
      return Int(low ? std::numeric_limits<std::int16_t>::min() : std::numeric_limits<std::int16_t>::max());
    case Type::kInt32:
      return Int(low ? std::numeric_limits<std::int32_t>::min() : std::numeric_limits<std::int32_t>::max());
    case Type::kInt64:
      return Int(low ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max());
    case Type::kFloat:
      return Real(low ? -0.0 : static_cast<double>(std::numeric_limits<float>::max()));
    case Type::kDouble:
      return Real(low ? -0.0 : std::numeric_limits<double>::denorm_min());
    case Type::kDate:
      return Int(low ? 0 : (kDaysToYear10000 - 1) * kTicksPerDay);
    case Type::kTime:
      return Int(low ? 0 : kTicksPerDay - TickUnit(recipe.precision));
    case Type::kTimestamp:
    case Type::kTimestampTz:
      if ((bits & 2U) != 0) return Int(TicksOfDay(1760, 1, 1));
      return Int(low ? 0 : kDaysToYear10000 * kTicksPerDay - TickUnit(recipe.precision));
    case Type::kDecimal:
      scratch->assign(1, low ? '0' : '-');
      if (!low)
        scratch->append(std::max(recipe.precision - recipe.scale, 1U),
                        recipe.precision > recipe.scale ? '9' : '0');
      if (recipe.scale > 0) absl::StrAppend(scratch, ".", std::string(recipe.scale, low ? '0' : '9'));
      return View(*scratch);
    case Type::kUuid:
      scratch->assign(16, low ? '\0' : '\xff');
      return View(*scratch);
    case Type::kBytes:
      return View(low ? std::string_view() : std::string_view("\0", 1));
    default: {
      // Sometimes as long as the column allows.
      if (recipe.length > 0 && recipe.length <= kLongestPooled && (bits & 7U) == 1) {
        return View(std::string_view(TextPool()).substr((bits >> 8) % kPoolBytes, recipe.length));
      }
      const OddText& odd = kOddTexts[(bits >> 3) % kOddTexts.size()];
      return View(recipe.length > 0 && odd.units > recipe.length ? std::string_view() : odd.text);
    }
  }
}

std::string_view FormatTicks(const Recipe& recipe, std::int64_t ticks, std::string* scratch) {
  scratch->clear();
  if (recipe.type != Type::kTime) {
    const std::chrono::year_month_day day{std::chrono::sys_days(std::chrono::year{1} / 1 / 1) +
                                          std::chrono::days(ticks / kTicksPerDay)};
    absl::StrAppendFormat(scratch, "%04d-%02d-%02d", static_cast<int>(day.year()),
                          static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
    if (recipe.type == Type::kDate) return *scratch;
    *scratch += ' ';
  }
  const std::int64_t seconds = ticks % kTicksPerDay / kTicksPerSecond;
  absl::StrAppendFormat(scratch, "%02d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (recipe.precision > 0) {
    absl::StrAppendFormat(scratch, ".%0*d", static_cast<int>(recipe.precision),
                          ticks % kTicksPerSecond / TickUnit(recipe.precision));
  }
  if (recipe.type == Type::kTimestampTz) *scratch += 'Z';
  return *scratch;
}

std::string_view FormatUuid(std::string_view bytes, std::string* scratch) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  scratch->clear();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *scratch += '-';
    const auto byte = static_cast<unsigned char>(bytes[i]);
    *scratch += kDigits[byte >> 4];
    *scratch += kDigits[byte & 15U];
  }
  return *scratch;
}

/// Returns a time within forty years from 1990 on.
Cell MomentCell(const Recipe& recipe, std::uint64_t x) {
  static const std::int64_t from = TicksOfDay(1990, 1, 1);
  const std::int64_t unit = TickUnit(recipe.precision);
  const auto units = static_cast<std::uint64_t>(14'600 * (kTicksPerDay / unit));
  return Int(from + static_cast<std::int64_t>(x % units) * unit);
}

Cell DecimalCell(const Recipe& recipe, std::uint64_t x, std::string* scratch) {
  const std::uint32_t digits = std::min(recipe.precision - recipe.scale, 9U);
  const std::uint64_t whole = digits == 0 ? 0 : (x >> 1) % PowerOfTen(digits);
  *scratch = absl::StrCat((x & 1U) != 0 && whole != 0 ? "-" : "", whole);
  AppendFraction(scratch, MixBits(x), recipe.scale);
  return View(*scratch);
}

/// Returns a text or bytes from a pool.
Cell PooledCell(const Recipe& recipe, std::uint64_t row_seed, std::uint64_t x) {
  if (recipe.date_text) return View(DatePool()[x % kDates]);
  std::uint32_t length = recipe.bytes_min;
  if (recipe.bytes_max > recipe.bytes_min) {
    length += static_cast<std::uint32_t>((x >> 32) % (recipe.bytes_max - recipe.bytes_min + 1));
  }
  if (recipe.trade != 0) {
    const int moved = static_cast<int>(row_seed >> 60) - 8;
    length = static_cast<std::uint32_t>(static_cast<int>(length) + recipe.trade * moved);
  }
  const std::string& pool = recipe.type == Type::kText ? TextPool() : BytesPool();
  return View(std::string_view(pool).substr(x % kPoolBytes, length));
}

}  // namespace

std::int64_t TicksOfDay(int year, unsigned month, unsigned day) {
  const auto days =
      std::chrono::sys_days(std::chrono::year{year} / static_cast<int>(month) / static_cast<int>(day)) -
      std::chrono::sys_days(std::chrono::year{1} / 1 / 1);
  return days.count() * kTicksPerDay;
}

double Recipe::MeanBytes() const {
  if (storage != Storage::kBytes) return 8;
  if (type == Type::kUuid) return 17;
  if (type == Type::kDecimal) return precision + 3;
  return (bytes_min + bytes_max) / 2.0 + 1.2;
}

Recipe RecipeFor(const Column& column, std::uint32_t index) {
  Recipe recipe;
  recipe.column = index;
  recipe.type = column.type;
  recipe.storage = StorageOf(column.type);
  recipe.precision = column.precision;
  recipe.scale = column.scale;
  recipe.nullable = column.nullable;
  recipe.odd_at_first = true;
  recipe.length = column.length;
  recipe.bytes_max = column.length == 0 ? 200 : std::min(column.length, 40U);
  return recipe;
}

std::uint64_t KeyPartMax(const Column& column) {
  switch (column.type) {
    case Type::kBool:
      return 1;
    case Type::kInt16:
      return std::numeric_limits<std::int16_t>::max();
    case Type::kInt32:
      return std::numeric_limits<std::int32_t>::max();
    case Type::kFloat:
      return 1U << 24;
    case Type::kDate:
      return kDaysToYear10000 - 1;
    case Type::kTime:
      return static_cast<std::uint64_t>(kTicksPerDay / TickUnit(column.precision) - 1);
    case Type::kTimestamp:
    case Type::kTimestampTz:
      return static_cast<std::uint64_t>(86'400) * 365 * 9'998;
    case Type::kDecimal: {
      const std::uint32_t digits = WholeDigits(column.precision, column.scale);
      return digits == 0 ? 0 : PowerOfTen(digits) - PowerOfTen(digits - 1) - 1;
    }
    case Type::kText:
      return PowerOfTen(column.length == 0 ? 10 : std::min(column.length, 10U)) - 1;
    case Type::kBytes:
      return column.length == 0 || column.length >= 6 ? std::uint64_t{1} << 47
                                                      : (std::uint64_t{1} << (8 * column.length)) - 1;
    default:
      return std::uint64_t{1} << 47;
  }
}

absl::Status MakeKey(const Column& column, std::uint32_t shift, std::uint64_t mask, Recipe* recipe) {
  if (column.type == Type::kAny || KeyPartMax(column) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("column '", column.name, "' of type ", std::string(ToString(column.type)),
                     " cannot be in a key here: give the table another key column"));
  }
  recipe->key = true;
  recipe->nullable = false;
  recipe->key_shift = shift;
  recipe->key_mask = mask;
  recipe->bytes_min = recipe->bytes_max = 10;
  return absl::OkStatus();
}

Cell MakeCell(const Recipe& recipe, std::uint64_t row_seed, std::int64_t key_number, std::uint32_t version,
              std::string* scratch) {
  if (recipe.key) return KeyCell(recipe, key_number, scratch);
  const std::uint64_t bits =
      MixBits(row_seed + (recipe.column + 1) * 0x9e3779b97f4a7c15ULL + version * 0xd6e8feb86659fd93ULL);
  if (version > 0 || recipe.odd_at_first) {
    if (recipe.nullable && (bits & 15U) == 0) return {};
    if (((bits >> 4) & 15U) == 0) return OddCell(recipe, bits >> 8, scratch);
  }
  const std::uint64_t x = bits >> 8;
  switch (recipe.type) {
    case Type::kBool:
      return Int(static_cast<std::int64_t>(x & 1U));
    case Type::kInt16:
      return Int(static_cast<std::int64_t>(x % 30'000));
    case Type::kInt32:
      return Int(static_cast<std::int64_t>(x % 1'000'000));
    case Type::kInt64:
      return Int(static_cast<std::int64_t>(x % 1'000'000'000'000));
    case Type::kFloat:
      return Real(static_cast<double>(x % 65'536) / 4);
    case Type::kDouble:
      return Real(static_cast<double>(x % 10'000'000) / 100);
    case Type::kDate:
      return Int(static_cast<std::int64_t>(x % kDaysToYear10000) * kTicksPerDay);
    case Type::kTime: {
      const std::int64_t unit = TickUnit(recipe.precision);
      return Int(static_cast<std::int64_t>(x % static_cast<std::uint64_t>(kTicksPerDay / unit)) * unit);
    }
    case Type::kTimestamp:
    case Type::kTimestampTz:
      return MomentCell(recipe, x);
    case Type::kDecimal:
      return DecimalCell(recipe, x, scratch);
    case Type::kUuid:
      return View(std::string_view(BytesPool()).substr(x % kPoolBytes, 16));
    default:
      return PooledCell(recipe, row_seed, x);
  }
}

StoredCell Stored(const Recipe& recipe, const Cell& cell, std::string* scratch) {
  using To = StoredCell::Kind;
  switch (cell.kind) {
    case Cell::Kind::kNull:
      return {};
    case Cell::Kind::kDouble:
      return {To::kReal, 0, cell.real == 0 ? 0.0 : cell.real, {}};
    case Cell::Kind::kInt:
      if (recipe.type >= Type::kDate && recipe.type <= Type::kTimestampTz) {
        return {To::kText, 0, 0, FormatTicks(recipe, cell.integer, scratch)};
      }
      return {To::kInteger, cell.integer, 0, {}};
    case Cell::Kind::kBytes:
      if (recipe.type == Type::kUuid) return {To::kText, 0, 0, FormatUuid(cell.bytes, scratch)};
      return {recipe.type == Type::kBytes ? To::kBlob : To::kText, 0, 0, cell.bytes};
  }
  return {};
}

}  // namespace mirror::harness
