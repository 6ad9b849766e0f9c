#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "client/source/mariadb/log/binlog_bytes.h"
#include "client/source/mariadb/log/value_text.h"

namespace mirror::binlog {
namespace {

/// Of 0x80 to 0x9f in Windows' code page 1252, as MariaDB has it: what is no letter there stays what it is.
constexpr std::array<std::uint16_t, 32> kLatin1Letters = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178};

constexpr std::size_t kUuidBytes = 16;
/// Where the bytes of a turned UUID stand.
constexpr std::array<std::uint8_t, kUuidBytes> kTurned = {12, 13, 14, 15, 10, 11, 8, 9,
                                                          6,  7,  0,  1,  2,  3,  4, 5};

/// Versions 1 to 5 of RFC 4122 are stored turned; of those the variant's and the version's byte are here.
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
  // The first of the longest rows of zeros is written as "::", one zero, too.
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
