#include "base/db/postgres/value.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mirror::postgres {
namespace {

/// Returns the type of arrays of `element` (pg_type.typarray).
Type ArrayOf(Type element) {
  switch (element) {
    case Type::kBool:
      return Type{1000};
    case Type::kBytea:
      return Type{1001};
    case Type::kInt2:
      return Type{1005};
    case Type::kInt4:
      return Type{1007};
    case Type::kText:
      return Type{1009};
    case Type::kInt8:
      return Type{1016};
    case Type::kFloat8:
      return Type{1022};
    case Type::kTimestamp:
      return Type{1115};
    case Type::kDate:
      return Type{1182};
    case Type::kTime:
      return Type{1183};
    case Type::kTimestamptz:
      return Type{1185};
    case Type::kNumeric:
      return Type{1231};
    case Type::kUuid:
      return Type{2951};
    default:
      return Type::kUnknown;
  }
}

constexpr std::size_t kArrayHeader = 20;

template <typename Number>
Number ReadNumber(std::string_view binary) {
  std::make_unsigned_t<Number> bits = 0;
  for (const char byte : binary) {
    bits = static_cast<decltype(bits)>((static_cast<std::uint64_t>(bits) << 8) |
                                       static_cast<unsigned char>(byte));
  }
  return static_cast<Number>(bits);
}

// Digits to base 10,000, most significant first; neither the first nor the last is 0.
constexpr std::size_t kDigitsOfGroup = 4;
constexpr std::int16_t kPositive = 0, kNegative = 0x4000;
constexpr std::size_t kNumericHeaderBytes = 8;

std::int16_t GroupOf(std::string_view digits) {
  int group = 0;
  for (const char digit : digits) group = group * 10 + (digit - '0');
  return static_cast<std::int16_t>(group);
}

std::vector<std::int16_t> GroupsOf(std::string_view whole, std::string_view fraction) {
  std::string digits((kDigitsOfGroup - whole.size() % kDigitsOfGroup) % kDigitsOfGroup, '0');
  digits += whole;
  digits += fraction;
  digits.resize((digits.size() + kDigitsOfGroup - 1) / kDigitsOfGroup * kDigitsOfGroup, '0');
  std::vector<std::int16_t> groups;
  for (std::size_t at = 0; at < digits.size(); at += kDigitsOfGroup)
    groups.push_back(GroupOf(std::string_view(digits).substr(at, kDigitsOfGroup)));
  return groups;
}

void AppendGroup(std::int64_t group, std::string* to) {
  for (const int place : {1'000, 100, 10, 1}) *to += static_cast<char>('0' + group / place % 10);
}

}  // namespace

std::int64_t ReadInt(std::string_view binary) {
  switch (binary.size()) {
    case 1:
      return ReadNumber<std::int8_t>(binary);
    case 2:
      return ReadNumber<std::int16_t>(binary);
    case 4:
      return ReadNumber<std::int32_t>(binary);
    case 8:
      return ReadNumber<std::int64_t>(binary);
    default:
      return 0;
  }
}

double ReadReal(std::string_view binary) {
  if (binary.size() == 8) return std::bit_cast<double>(ReadNumber<std::int64_t>(binary));
  if (binary.size() == 4) return std::bit_cast<float>(ReadNumber<std::int32_t>(binary));
  return 0;
}

Value::Value(double number) : type_(Type::kFloat8), is_null_(false) {
  Keep(std::bit_cast<std::int64_t>(number));
}

Array::Array(Type element) : type_(ArrayOf(element)), bytes_(kArrayHeader, '\0') {
  PutNumber(&bytes_[8], static_cast<std::uint32_t>(element));
}

void Array::Add(const Value& value) {
  ++size_;
  if (value.is_null()) {
    has_null_ = true;
    AppendNumber<std::int32_t>(bytes_, -1);
    return;
  }
  AppendNumber(bytes_, static_cast<std::int32_t>(value.binary().size()));
  bytes_ += value.binary();
}

Value Array::value() {
  // Number of dimensions. An array without elements has no dimension and no length.
  PutNumber<std::int32_t>(&bytes_[0], size_ == 0 ? 0 : 1);
  PutNumber<std::int32_t>(&bytes_[4], has_null_ ? 1 : 0);
  PutNumber<std::int32_t>(&bytes_[12], size_);
  PutNumber<std::int32_t>(&bytes_[16], 1);
  return Value::Raw(type_, size_ == 0 ? std::string_view(bytes_).substr(0, 12) : std::string_view(bytes_));
}

void AppendNumeric(std::string_view decimal, std::string& to) {
  const bool is_negative = !decimal.empty() && decimal.front() == '-';
  if (is_negative) decimal.remove_prefix(1);
  const std::size_t dot = decimal.find('.');
  const std::string_view whole = decimal.substr(0, dot);
  const std::string_view fraction = dot == decimal.npos ? std::string_view() : decimal.substr(dot + 1);
  const std::vector<std::int16_t> groups = GroupsOf(whole, fraction);
  std::size_t begin = 0, end = groups.size();
  while (begin < end && groups[begin] == 0) ++begin;
  while (end > begin && groups[end - 1] == 0) --end;
  const std::size_t whole_groups = (whole.size() + kDigitsOfGroup - 1) / kDigitsOfGroup;
  const std::int64_t weight =
      begin == end ? 0 : static_cast<std::int64_t>(whole_groups) - 1 - static_cast<std::int64_t>(begin);
  AppendNumber(to, static_cast<std::int16_t>(end - begin));
  AppendNumber(to, static_cast<std::int16_t>(weight));
  AppendNumber(to, is_negative && begin != end ? kNegative : kPositive);
  AppendNumber(to, static_cast<std::int16_t>(fraction.size()));
  for (std::size_t i = begin; i < end; ++i) AppendNumber(to, groups[i]);
}

std::optional<std::string> ReadNumeric(std::string_view binary) {
  if (binary.size() < kNumericHeaderBytes || binary.size() % 2 != 0) return std::nullopt;
  const auto number = [&](std::size_t at) { return ReadInt(binary.substr(2 * at, 2)); };
  const auto groups = static_cast<std::int64_t>((binary.size() - kNumericHeaderBytes) / 2);
  const std::int64_t weight = number(1), sign = number(2), scale = number(3);
  if (number(0) != groups || (sign != kPositive && sign != kNegative) || scale < 0) return std::nullopt;
  const auto group = [&](std::int64_t index) {
    return index < 0 || index >= groups ? 0 : number(4 + static_cast<std::size_t>(index));
  };
  std::string whole;
  for (std::int64_t i = 0; i <= weight; ++i) AppendGroup(group(i), &whole);
  whole.erase(0, whole.find_first_not_of('0'));
  std::string text = sign == kNegative ? "-" : "";
  text += whole.empty() ? "0" : whole;
  if (scale == 0) return text;
  std::string fraction;
  for (std::int64_t i = weight + 1; static_cast<std::int64_t>(fraction.size()) < scale; ++i)
    AppendGroup(group(i), &fraction);
  text += '.';
  return text.append(fraction, 0, static_cast<std::size_t>(scale));
}

}  // namespace mirror::postgres
