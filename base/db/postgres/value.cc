#include "base/db/postgres/value.h"

#include <bit>

namespace mirror::postgres {
namespace {

/// pg_type.typarray
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
  PutNumber<std::int32_t>(&bytes_[0], size_ == 0 ? 0 : 1);  // Dimensions: of none there is no length.
  PutNumber<std::int32_t>(&bytes_[4], has_null_ ? 1 : 0);
  PutNumber<std::int32_t>(&bytes_[12], size_);
  PutNumber<std::int32_t>(&bytes_[16], 1);
  return Value::Raw(type_, size_ == 0 ? std::string_view(bytes_).substr(0, 12) : std::string_view(bytes_));
}

}  // namespace mirror::postgres
