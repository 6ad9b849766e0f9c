#ifndef MIRROR_BASE_PARQUET_THRIFT_WRITER_H_
#define MIRROR_BASE_PARQUET_THRIFT_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mirror {

/// Writes one struct in Thrift's compact protocol, as far as Parquet needs it. Write fields in the order of
/// their numbers. The caller must end each struct that it begins.
class ThriftWriter {
 public:
  ThriftWriter() { last_.push_back(0); }

  ThriftWriter& Bool(int field, bool value) { return Header(field, value ? kTrue : kFalse); }
  ThriftWriter& Byte(int field, std::int8_t value) {
    Header(field, kByte);
    bytes_.push_back(static_cast<char>(value));
    return *this;
  }
  ThriftWriter& Int32(int field, std::int32_t value) { return Header(field, kInt32).ZigZag(value); }
  ThriftWriter& Int64(int field, std::int64_t value) { return Header(field, kInt64).ZigZag(value); }
  ThriftWriter& String(int field, std::string_view value) { return Header(field, kBinary).Text(value); }

  ThriftWriter& BeginStruct(int field) {
    Header(field, kStruct);
    last_.push_back(0);
    return *this;
  }
  ThriftWriter& EndStruct() {
    bytes_.push_back(0);
    last_.pop_back();
    return *this;
  }
  /// Writes a struct without fields.
  ThriftWriter& Empty(int field) { return BeginStruct(field).EndStruct(); }

  /// Begins a list of structs. Each element follows by a call of its own.
  ThriftWriter& BeginStructs(int field, std::size_t count) { return List(field, count, kStruct); }
  ThriftWriter& BeginElement() {
    last_.push_back(0);
    return *this;
  }
  ThriftWriter& BeginStrings(int field, std::size_t count) { return List(field, count, kBinary); }
  ThriftWriter& Text(std::string_view value) {
    Number(value.size());
    bytes_.append(value);
    return *this;
  }
  ThriftWriter& BeginInts(int field, std::size_t count) { return List(field, count, kInt32); }
  ThriftWriter& ZigZag(std::int64_t value) {
    return Number((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }

  /// Returns the struct's bytes. No further call is allowed.
  std::string Take() {
    bytes_.push_back(0);
    return std::move(bytes_);
  }

 private:
  enum Type : std::uint8_t {
    kTrue = 1,
    kFalse = 2,
    kByte = 3,
    kInt32 = 5,
    kInt64 = 6,
    kBinary = 8,
    kList = 9,
    kStruct = 12
  };

  ThriftWriter& Header(int field, Type type) {
    const int step = field - last_.back();
    last_.back() = field;
    if (step > 0 && step < 16) {
      bytes_.push_back(static_cast<char>((step << 4) | type));
      return *this;
    }
    bytes_.push_back(static_cast<char>(type));
    return ZigZag(field);
  }
  ThriftWriter& List(int field, std::size_t count, Type of) {
    constexpr std::size_t kShortMax = 14;
    Header(field, kList);
    if (count <= kShortMax) {
      bytes_.push_back(static_cast<char>((count << 4) | of));
      return *this;
    }
    bytes_.push_back(static_cast<char>(0xF0 | of));
    return Number(count);
  }
  ThriftWriter& Number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
    return *this;
  }

  std::string bytes_;
  std::vector<int> last_;  ///< For each open struct: the field that was written last.
};

}  // namespace mirror

#endif  // MIRROR_BASE_PARQUET_THRIFT_WRITER_H_
