#include "server/store/postgres/rows/any_kinds.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "base/utf8.h"
#include "proto/wire/receipt.h"

namespace mirror {
namespace {

constexpr std::size_t kNumberBytesMax = 32;

Kind KindOfDefault(const Column& column) {
  struct Kinds {
    Kind operator()(Null) const { return Kind::kNull; }
    Kind operator()(std::int64_t) const { return Kind::kInteger; }
    Kind operator()(double) const { return Kind::kReal; }
    Kind operator()(const std::string&) const { return Kind::kText; }
    Kind operator()(const Bytes&) const { return Kind::kBlob; }
  };
  return column.default_value ? std::visit(Kinds(), *column.default_value) : Kind::kNull;
}

/// Returns whether a real becomes an integer. Follows SQLite's rules for affinities of whole numbers.
bool BecomesInteger(const Column& column, double real) {
  if (column.affinity != Affinity::kInteger && column.affinity != Affinity::kNumeric) return false;
  constexpr double kLimit = 9'223'372'036'854'775'808.0;
  if (!(real > -kLimit && real < kLimit)) return false;
  const auto whole = static_cast<std::int64_t>(real);
  return static_cast<double>(whole) == real && whole < std::numeric_limits<std::int64_t>::max();
}

template <typename Number>
void WriteNumber(Number number, std::string* text) {
  std::array<char, kNumberBytesMax> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  text->assign(digits.data(), end);
}

template <typename Number>
bool ReadNumber(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

PostgresKinds FirstKinds(const TableSchema& kept) {
  PostgresKinds places;
  for (const Column& column : kept.columns) {
    const bool is_any = column.type == Type::kAny;
    places.of_column.push_back(is_any ? places.defaults.size() : PostgresKinds::kNone);
    if (is_any) places.defaults += static_cast<char>(KindOfDefault(column));
  }
  return places;
}

Kind KeptKind(const Column& column, const Value& value) {
  if (value.kind == Kind::kReal && BecomesInteger(column, value.real)) return Kind::kInteger;
  if (value.kind == Kind::kRawText && value.large == nullptr && IsText(value.bytes)) return Kind::kText;
  return value.kind;
}

void WriteAnyText(Kind kind, const Value& value, std::string* text) {
  switch (kind) {
    case Kind::kInteger:
      WriteNumber(value.kind == Kind::kReal ? static_cast<std::int64_t>(value.real) : value.integer, text);
      break;
    case Kind::kReal:
      WriteNumber(value.real == 0 ? 0.0 : value.real, text);
      break;
    case Kind::kBlob:
    case Kind::kRawText:
      *text = HexOf(value.bytes);
      break;
    default:
      text->assign(value.bytes);
  }
}

bool ReadAnyText(Kind kind, std::string_view text, std::string* bytes, Value* value) {
  value->kind = kind;
  switch (kind) {
    case Kind::kInteger:
      return ReadNumber(text, &value->integer);
    case Kind::kReal:
      return ReadNumber(text, &value->real);
    case Kind::kText:
      value->bytes = text;
      return true;
    case Kind::kBlob:
    case Kind::kRawText:
      if (std::optional<std::string> read = BytesOfHex(text, text.size() / 2)) {
        *bytes = *std::move(read);
        value->bytes = *bytes;
        if (kind == Kind::kRawText && IsText(*bytes)) value->kind = Kind::kText;
        return true;
      }
      return false;
    case Kind::kNull:
      break;
  }
  return false;
}

}  // namespace mirror
