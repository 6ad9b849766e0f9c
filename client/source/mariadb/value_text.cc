#include "client/source/mariadb/value_text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdlib>

#include "client/source/mariadb/binlog_event.h"

namespace mirror::binlog {
namespace {

constexpr std::size_t kNumberCharactersMax = 32;
/// Power of ten from which on MariaDB writes an exponent.
constexpr int kPlainDigitsMax = 15;
/// Digits of a complete part of a DECIMAL, and bytes of a part by its number of digits.
constexpr std::uint32_t kDigitsOfPart = 9;
constexpr std::array<std::size_t, 10> kBytesOfPart = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
constexpr std::size_t kDecimalBytesMax = 32;

void AppendPadded(std::uint64_t number, std::size_t width, std::string* text) {
  std::array<char, kNumberCharactersMax> digits{};
  std::size_t place = digits.size();
  do {
    digits[--place] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  while (digits.size() - place < width) digits[--place] = '0';
  text->append(&digits[place], digits.size() - place);
}

/// Takes the next part of a DECIMAL, of this many digits. False: its value has more.
bool TakePart(Bytes* parts, std::uint32_t digits, std::uint64_t* number) {
  constexpr std::array<std::uint64_t, 10> kAbove = {
      1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};
  *number = BigEndian(parts->Take(kBytesOfPart[digits]));
  return *number < kAbove[digits];
}

/// Appends digits before the point, without leading zeros.
bool AppendWholePart(Bytes* parts, std::uint32_t digits, bool* has_digit, std::string* text) {
  std::uint64_t number = 0;
  if (!TakePart(parts, digits, &number)) return false;
  if (!*has_digit && number == 0) return true;
  AppendPadded(number, *has_digit ? digits : 1, text);
  *has_digit = true;
  return true;
}

bool AppendPartBehindDot(Bytes* parts, std::uint32_t digits, std::string* text) {
  std::uint64_t number = 0;
  if (!TakePart(parts, digits, &number)) return false;
  AppendPadded(number, digits, text);
  return true;
}

struct Clock {
  std::uint64_t hour = 0, minute = 0, second = 0;
};

void AppendClock(const Clock& clock, std::string* text) {
  AppendPadded(clock.hour, 2, text);
  text->push_back(':');
  AppendPadded(clock.minute, 2, text);
  text->push_back(':');
  AppendPadded(clock.second, 2, text);
}

void AppendDay(std::uint64_t year, std::uint64_t month, std::uint64_t day, std::string* text) {
  AppendPadded(year, 4, text);
  text->push_back('-');
  AppendPadded(month, 2, text);
  text->push_back('-');
  AppendPadded(day, 2, text);
}

/// `bytes`: (digits + 1) / 2 bytes, for an even number of digits.
bool AppendFraction(std::uint64_t fraction, std::uint32_t digits, std::string* text) {
  if (digits == 0) return true;
  const std::uint32_t even = (digits + 1) / 2 * 2;
  const std::size_t begin = text->size();
  text->push_back('.');
  AppendPadded(fraction, even, text);
  if (text->size() - begin != even + 1) return false;
  text->resize(begin + 1 + digits);
  return true;
}

/// The lowest six bits are seconds, the next six minutes, the rest hours.
Clock ClockOf(std::uint64_t packed) {
  return {.hour = packed >> 12, .minute = packed >> 6 & 0x3fU, .second = packed & 0x3fU};
}

bool AppendUnixTime(std::uint64_t seconds, std::string* text) {
  if (seconds == 0) {
    text->append("0000-00-00 00:00:00");
    return true;
  }
  const std::uint64_t of_day = seconds % 86'400;
  const std::chrono::year_month_day day{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(seconds / 86'400)))};
  AppendDay(static_cast<std::uint64_t>(static_cast<int>(day.year())), static_cast<unsigned>(day.month()),
            static_cast<unsigned>(day.day()), text);
  text->push_back(' ');
  AppendClock({.hour = of_day / 3'600, .minute = of_day / 60 % 60, .second = of_day % 60}, text);
  return true;
}

/// Characters 0x80 to 0x9f in MariaDB's version of code page 1252; unassigned ones stay unchanged.
constexpr std::array<std::uint16_t, 32> kLatin1Letters = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178};

constexpr std::size_t kUuidBytes = 16;
/// Places of the bytes in a reordered UUID.
constexpr std::array<std::uint8_t, kUuidBytes> kTurned = {12, 13, 14, 15, 10, 11, 8, 9,
                                                          6,  7,  0,  1,  2,  3,  4, 5};

/// Versions 1 to 5 of RFC 4122 are stored reordered, with the variant's and the version's byte here.
bool IsTurned(std::string_view stored) {
  const auto variant = static_cast<std::uint8_t>(stored[6]), version = static_cast<std::uint8_t>(stored[8]);
  return (variant & 0x80U) != 0 && version > 0 && version < 0x60;
}

void AppendHex(std::uint64_t number, std::string* text) {
  bool begun = false;
  for (int shift = 12; shift >= 0; shift -= 4) {
    const std::uint64_t digit = number >> shift & 0xfU;
    if (digit == 0 && !begun && shift != 0) continue;
    begun = true;
    text->push_back("0123456789abcdef"[digit]);
  }
}

}  // namespace

void AppendInteger(std::int64_t number, std::string* text) {
  std::array<char, kNumberCharactersMax> digits{};
  text->append(digits.data(), std::to_chars(digits.begin(), digits.end(), number).ptr);
}

void AppendUnsigned(std::uint64_t number, std::string* text) {
  std::array<char, kNumberCharactersMax> digits{};
  text->append(digits.data(), std::to_chars(digits.begin(), digits.end(), number).ptr);
}

void AppendReal(double real, std::string* text) {
  if (!std::isfinite(real)) {
    // No column holds such a value.
    text->append(std::isnan(real) ? "nan" : real < 0 ? "-inf" : "inf");
    return;
  }
  if (std::signbit(real)) text->push_back('-');
  if (real == 0) {
    text->push_back('0');
    return;
  }
  std::array<char, kNumberCharactersMax> buffer{};
  const char* const end =
      std::to_chars(buffer.begin(), buffer.end(), std::fabs(real), std::chars_format::scientific).ptr;
  const std::string_view all(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::size_t e = all.find('e');
  std::string digits(all.substr(0, 1));
  if (e > 1) digits += all.substr(2, e - 2);
  const int exponent = std::atoi(std::string(all.substr(e + 1)).c_str());
  const int point = exponent + 1;  // Digits before the point.
  const auto count = static_cast<int>(digits.size());
  if (point > kPlainDigitsMax || point < 1 - kPlainDigitsMax) {
    text->push_back(digits[0]);
    if (count > 1) text->append(".").append(digits, 1);
    text->push_back('e');
    AppendInteger(exponent, text);
  } else if (point <= 0) {
    text->append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
  } else if (point >= count) {
    text->append(digits).append(static_cast<std::size_t>(point - count), '0');
  } else {
    text->append(digits, 0, static_cast<std::size_t>(point)).append(".");
    text->append(digits, static_cast<std::size_t>(point));
  }
}

bool AppendDecimal(std::string_view bytes, std::uint32_t precision, std::uint32_t scale, std::string* text) {
  std::array<char, kDecimalBytesMax> plain{};
  if (bytes.empty() || bytes.size() > plain.size()) return false;
  // The first bit is 1 for a number that is not negative; a negative one has all bits inverted.
  const bool negative = (static_cast<std::uint8_t>(bytes[0]) & 0x80U) == 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    plain[i] = static_cast<char>(static_cast<std::uint8_t>(bytes[i]) ^ (negative ? 0xffU : 0U));
  plain[0] = static_cast<char>(static_cast<std::uint8_t>(plain[0]) ^ 0x80U);
  Bytes parts(std::string_view(plain.data(), bytes.size()));
  if (negative) text->push_back('-');
  const std::uint32_t whole = precision - scale;
  bool has_digit = false;
  if (!AppendWholePart(&parts, whole % kDigitsOfPart, &has_digit, text)) return false;
  for (std::uint32_t i = 0; i < whole / kDigitsOfPart; ++i) {
    if (!AppendWholePart(&parts, kDigitsOfPart, &has_digit, text)) return false;
  }
  if (!has_digit) text->push_back('0');
  if (scale == 0) return parts.ok();
  text->push_back('.');
  for (std::uint32_t i = 0; i < scale / kDigitsOfPart; ++i) {
    if (!AppendPartBehindDot(&parts, kDigitsOfPart, text)) return false;
  }
  if (const std::uint32_t rest = scale % kDigitsOfPart; rest != 0 && !AppendPartBehindDot(&parts, rest, text))
    return false;
  return parts.ok();
}

bool AppendDate(std::uint32_t packed, std::string* text) {
  AppendDay(packed >> 9, packed >> 5 & 0xfU, packed & 0x1fU, text);
  return true;
}

bool AppendTime(std::string_view bytes, std::uint32_t digits, std::string* text) {
  Bytes parts(bytes);
  const unsigned fraction_bits = 8 * ((digits + 1) / 2);
  // One number, relative to the least possible one.
  const std::int64_t zero = std::int64_t{0x800000} << fraction_bits;
  std::int64_t number = static_cast<std::int64_t>(BigEndian(parts.Take(bytes.size()))) - zero;
  if (number < 0) {
    text->push_back('-');
    number = -number;
  }
  const auto packed = static_cast<std::uint64_t>(number);
  AppendClock(ClockOf(packed >> fraction_bits), text);
  return AppendFraction(packed & ((std::uint64_t{1} << fraction_bits) - 1), digits, text);
}

bool AppendDateTime(std::string_view bytes, std::uint32_t digits, std::string* text) {
  constexpr std::size_t kWholeBytes = 5;
  constexpr std::uint64_t kZero = 0x8000000000;
  constexpr std::uint64_t kMonths = 13;  // Including 0.
  const std::uint64_t number = BigEndian(bytes.substr(0, kWholeBytes));
  if (bytes.size() < kWholeBytes || number < kZero) return false;
  const std::uint64_t day = (number - kZero) >> 17;
  AppendDay((day >> 5) / kMonths, (day >> 5) % kMonths, day & 0x1fU, text);
  text->push_back(' ');
  AppendClock(ClockOf((number - kZero) & 0x1ffffU), text);
  return AppendFraction(BigEndian(bytes.substr(kWholeBytes)), digits, text);
}

bool AppendTimestamp(std::string_view bytes, std::uint32_t digits, std::string* text) {
  constexpr std::size_t kWholeBytes = 4;
  if (bytes.size() < kWholeBytes) return false;
  return AppendUnixTime(BigEndian(bytes.substr(0, kWholeBytes)), text) &&
         AppendFraction(BigEndian(bytes.substr(kWholeBytes)), digits, text);
}

bool AppendOldTime(std::string_view bytes, std::string* text) {
  std::uint64_t number = LittleEndian(bytes);
  if ((number & 0x800000U) != 0) {
    text->push_back('-');
    number = 0x1000000U - number;
  }
  AppendClock({.hour = number / 10'000, .minute = number / 100 % 100, .second = number % 100}, text);
  return true;
}

bool AppendOldDateTime(std::string_view bytes, std::string* text) {
  const std::uint64_t number = LittleEndian(bytes);
  const std::uint64_t day = number / 1'000'000, clock = number % 1'000'000;
  AppendDay(day / 10'000, day / 100 % 100, day % 100, text);
  text->push_back(' ');
  AppendClock({.hour = clock / 10'000, .minute = clock / 100 % 100, .second = clock % 100}, text);
  return true;
}

bool AppendOldTimestamp(std::string_view bytes, std::string* text) {
  return AppendUnixTime(LittleEndian(bytes), text);
}

void AppendLatin1(std::string_view bytes, std::string* text) {
  for (const char byte : bytes) {
    const auto code = static_cast<std::uint8_t>(byte);
    if (code < 0x80) {
      text->push_back(byte);
      continue;
    }
    const std::uint32_t letter = code < 0xa0 ? kLatin1Letters[code - 0x80U] : code;
    if (letter < 0x800) {
      text->push_back(static_cast<char>(0xc0U | letter >> 6));
    } else {
      text->push_back(static_cast<char>(0xe0U | letter >> 12));
      text->push_back(static_cast<char>(0x80U | (letter >> 6 & 0x3fU)));
    }
    text->push_back(static_cast<char>(0x80U | (letter & 0x3fU)));
  }
}

void AppendUuid(std::string_view bytes, bool turned, std::string* text) {
  turned = turned || IsTurned(bytes);
  for (std::size_t i = 0; i < kUuidBytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text->push_back('-');
    const auto byte = static_cast<std::uint8_t>(bytes[turned ? kTurned[i] : i]);
    text->push_back("0123456789abcdef"[byte >> 4]);
    text->push_back("0123456789abcdef"[byte & 0xfU]);
  }
}

void AppendInet4(std::string_view bytes, std::string* text) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) text->push_back('.');
    AppendUnsigned(static_cast<std::uint8_t>(bytes[i]), text);
  }
}

void AppendInet6(std::string_view bytes, std::string* text) {
  constexpr std::size_t kWords = 8;
  std::array<std::uint64_t, kWords> words{};
  for (std::size_t i = 0; i < kWords; ++i) words[i] = BigEndian(bytes.substr(2 * i, 2));
  // The first of the longest runs of zeros is written as "::", even a single zero.
  std::size_t gap = kWords, gap_words = 0;
  for (std::size_t i = 0, run = 0; i < kWords; ++i) {
    run = words[i] == 0 ? run + 1 : 0;
    if (run > gap_words) {
      gap_words = run;
      gap = i + 1 - run;
    }
  }
  const bool holds_inet4 = gap == 0 && (gap_words == 6 || (gap_words == 5 && words[5] == 0xffff));
  for (std::size_t i = 0; i < kWords; ++i) {
    if (i == gap) {
      text->append(i == 0 ? "::" : ":");
      i += gap_words - 1;
    } else if (i == 6 && holds_inet4) {
      AppendInet4(bytes.substr(12), text);
      return;
    } else {
      AppendHex(words[i], text);
      if (i + 1 < kWords) text->push_back(':');
    }
  }
}

}  // namespace mirror::binlog
