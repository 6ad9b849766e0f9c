#include "proto/wire/turned_value.h"

#include <bit>
#include <cmath>
#include <cstddef>

#include "base/utf8.h"

namespace mirror {
namespace {

constexpr std::string_view kMask = "****";

bool IsWhole(double real, std::int64_t* integer) {
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  if (!(real >= -kEnd && real < kEnd) || std::trunc(real) != real) return false;
  *integer = static_cast<std::int64_t>(real);
  return true;
}

/// Returns the last `keep` characters of a text that has at least twice as many.
std::string_view Tail(std::string_view text, std::uint32_t keep) {
  std::size_t begin = text.size();
  std::uint32_t seen = 0;
  for (std::size_t i = text.size(); i > 0 && seen < 2 * keep; --i) {
    if (IsUtf8Continuation(text[i - 1])) continue;
    if (++seen == keep) begin = i - 1;
  }
  return seen < 2 * keep || keep == 0 ? std::string_view() : text.substr(begin);
}

}  // namespace

HashedForm FormToHash(const Value& value, std::array<char, 8>* number) {
  if (value.kind != Kind::kInteger && value.kind != Kind::kReal) {
    return {value.kind == Kind::kBlob ? 'b' : 't', value.bytes};
  }
  std::int64_t integer = value.integer;
  // A key may come as 1.0 instead of 1, and means the same row. -0.0 is 0.
  const bool whole = value.kind == Kind::kInteger || IsWhole(value.real, &integer);
  std::uint64_t bits = whole ? static_cast<std::uint64_t>(integer) : std::bit_cast<std::uint64_t>(value.real);
  // Little-endian, on every machine.
  for (char& byte : *number) {
    byte = static_cast<char>(bits & 0xff);
    bits >>= 8;
  }
  return {whole ? 'i' : 'r', {number->data(), number->size()}};
}

void AppendMask(const Value& value, std::uint32_t keep, std::string* out) {
  out->append(kMask);
  if (value.kind == Kind::kText) out->append(Tail(value.bytes, keep));
}

}  // namespace mirror
