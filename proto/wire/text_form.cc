#include "proto/wire/text_form.h"

#include <array>
#include <chrono>

namespace mirror {
namespace {

constexpr std::int64_t kUnitsPerSecond = 10'000'000;
constexpr std::int64_t kUnitsPerDay = 86'400 * kUnitsPerSecond;
/// Days from 0001-01-01 to 1970-01-01.
constexpr std::int64_t kDaysToUnixEpoch = 719'162;

char* WriteDigits(char* out, std::int64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return out + digits;
}

char* WriteDate(char* out, std::int64_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days - kDaysToUnixEpoch}}};
  out = WriteDigits(out, static_cast<int>(date.year()), 4);
  *out++ = '-';
  out = WriteDigits(out, static_cast<unsigned>(date.month()), 2);
  *out++ = '-';
  return WriteDigits(out, static_cast<unsigned>(date.day()), 2);
}

char* WriteTime(char* out, std::int64_t units, std::uint32_t precision) {
  const std::int64_t seconds = units / kUnitsPerSecond;
  out = WriteDigits(out, seconds / 3'600, 2);
  *out++ = ':';
  out = WriteDigits(out, seconds / 60 % 60, 2);
  *out++ = ':';
  out = WriteDigits(out, seconds % 60, 2);
  if (precision == 0) return out;
  *out++ = '.';
  std::array<char, 7> fraction;
  WriteDigits(fraction.data(), units % kUnitsPerSecond, 7);
  for (std::uint32_t i = 0; i < precision && i < 7; ++i) *out++ = fraction[i];
  return out;
}

char* WriteTimestamp(char* out, std::int64_t units, std::uint32_t precision, bool utc) {
  out = WriteDate(out, units / kUnitsPerDay);
  *out++ = ' ';
  out = WriteTime(out, units % kUnitsPerDay, precision);
  if (utc) *out++ = 'Z';
  return out;
}

char* WriteUuid(char* out, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    const auto byte = static_cast<unsigned char>(bytes[i]);
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
  return out;
}

}  // namespace

std::string DateText(std::int64_t value) {
  std::array<char, kTextFormBytesMax> out;
  return {out.data(), WriteDate(out.data(), value / kUnitsPerDay)};
}

std::string TimeText(std::int64_t value, std::uint32_t precision) {
  std::array<char, kTextFormBytesMax> out;
  return {out.data(), WriteTime(out.data(), value, precision)};
}

std::string TimestampText(std::int64_t value, std::uint32_t precision, bool utc) {
  std::array<char, kTextFormBytesMax> out;
  return {out.data(), WriteTimestamp(out.data(), value, precision, utc)};
}

std::string UuidText(std::string_view bytes) {
  std::array<char, kTextFormBytesMax> out;
  return {out.data(), WriteUuid(out.data(), bytes)};
}

bool HasTextForm(Type type) {
  return type == Type::kDate || type == Type::kTime || type == Type::kTimestamp ||
         type == Type::kTimestampTz || type == Type::kUuid;
}

std::size_t WriteTextForm(const Column& column, std::int64_t integer, std::string_view bytes, char* out) {
  char* end = out;
  switch (column.type) {
    case Type::kDate:
      end = WriteDate(out, integer / kUnitsPerDay);
      break;
    case Type::kTime:
      end = WriteTime(out, integer, column.precision);
      break;
    case Type::kTimestamp:
      end = WriteTimestamp(out, integer, column.precision, false);
      break;
    case Type::kTimestampTz:
      end = WriteTimestamp(out, integer, column.precision, true);
      break;
    default:
      end = WriteUuid(out, bytes);
      break;
  }
  return static_cast<std::size_t>(end - out);
}

std::string TextForm(const Column& column, std::int64_t integer, std::string_view bytes) {
  std::array<char, kTextFormBytesMax> out;
  return {out.data(), WriteTextForm(column, integer, bytes, out.data())};
}

}  // namespace mirror
