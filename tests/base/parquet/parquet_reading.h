#ifndef MIRROR_TESTS_BASE_PARQUET_PARQUET_READING_H_
#define MIRROR_TESTS_BASE_PARQUET_PARQUET_READING_H_

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

// A reader of Parquet files that shares nothing with the writer: what is asked for and not there, or does not
// fit, is thrown.

/// Any value of Thrift's compact protocol.
struct ThriftValue {
  std::int64_t number = 0;
  std::string text;
  std::vector<ThriftValue> list;
  std::map<int, ThriftValue> fields;

  const ThriftValue& at(int field) const { return fields.at(field); }
  bool has(int field) const { return fields.contains(field); }
};

class ThriftReader {
 public:
  explicit ThriftReader(std::string_view bytes) : bytes_(bytes) {}

  ThriftValue Struct() {
    ThriftValue value;
    int field = 0;
    while (const unsigned head = Byte()) {
      const int step = static_cast<int>(head >> 4);
      field = step == 0 ? static_cast<int>(ZigZag()) : field + step;
      if (!value.fields.emplace(field, Value(head & 0xF, /*in_list=*/false)).second) {
        throw std::runtime_error("a field stands twice");
      }
    }
    return value;
  }
  std::size_t used() const { return at_; }

 private:
  unsigned Byte() { return static_cast<unsigned char>(bytes_.at(at_++)); }
  std::uint64_t Number() {
    std::uint64_t number = 0;
    for (int shift = 0;; shift += 7) {
      const unsigned byte = Byte();
      number |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return number;
    }
  }
  std::int64_t ZigZag() {
    const std::uint64_t number = Number();
    return static_cast<std::int64_t>(number >> 1) ^ -static_cast<std::int64_t>(number & 1);
  }
  ThriftValue Value(unsigned type, bool in_list) {
    ThriftValue value;
    switch (type) {
      case 1:
      case 2:
        value.number = (in_list ? Byte() : type) == 1 ? 1 : 0;
        break;
      case 3:
        value.number = static_cast<std::int8_t>(Byte());
        break;
      case 4:
      case 5:
      case 6:
        value.number = ZigZag();
        break;
      case 8:
        value.text = std::string(Take(Number()));
        break;
      case 9: {
        const unsigned head = Byte();
        const std::uint64_t count = head >> 4 == 15 ? Number() : head >> 4;
        for (std::uint64_t i = 0; i < count; ++i) value.list.push_back(Value(head & 0xF, /*in_list=*/true));
        break;
      }
      case 12:
        return Struct();
      default:
        throw std::runtime_error("a type that Parquet does not use here");
    }
    return value;
  }
  std::string_view Take(std::uint64_t count) {
    if (count > bytes_.size() - at_) throw std::runtime_error("a text that does not end");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

/// Values of a column as they stand in the file: the bytes of each, of BOOLEAN one byte; absent: NULL.
using ParquetValues = std::vector<std::optional<std::string>>;

class ParquetReading {
 public:
  explicit ParquetReading(std::string_view file) : file_(file) {
    const std::string_view magic = "PAR1";
    if (file.size() < 12 || !file.starts_with(magic) || !file.ends_with(magic)) {
      throw std::runtime_error("no Parquet file");
    }
    const std::size_t bytes = Little(file.substr(file.size() - 8, 4));
    ThriftReader reader(file.substr(file.size() - 8 - bytes, bytes));
    footer_ = reader.Struct();
    if (reader.used() != bytes) throw std::runtime_error("the footer has another length");
  }

  const ThriftValue& footer() const { return footer_; }
  std::size_t columns() const { return footer_.at(2).list.size() - 1; }
  const ThriftValue& element(std::size_t column) const { return footer_.at(2).list.at(column + 1); }
  const std::vector<ThriftValue>& groups() const { return footer_.at(4).list; }

  ParquetValues Column(std::size_t column) const {
    ParquetValues values;
    for (const ThriftValue& group : groups()) {
      const std::size_t before = values.size();
      const ThriftValue& chunk = group.at(1).list.at(column).at(3);
      const auto begin = static_cast<std::size_t>(chunk.at(9).number);
      std::string_view pages = file_.substr(begin, static_cast<std::size_t>(chunk.at(7).number));
      std::int64_t unpacked = 0;
      while (!pages.empty()) unpacked += TakePage(column, &pages, &values);
      const auto rows = static_cast<std::int64_t>(values.size() - before);
      if (chunk.at(5).number != rows || group.at(3).number != rows || chunk.at(6).number != unpacked) {
        throw std::runtime_error("a column chunk counts otherwise");
      }
    }
    return values;
  }

 private:
  static std::uint64_t Little(std::string_view bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[i]);
    return number;
  }

  /// The bytes of the page, unpacked.
  std::int64_t TakePage(std::size_t column, std::string_view* pages, ParquetValues* values) const {
    ThriftReader reader(*pages);
    const ThriftValue header = reader.Struct();
    pages->remove_prefix(reader.used());
    std::string page(static_cast<std::size_t>(header.at(2).number), '\0');
    const auto packed = static_cast<std::size_t>(header.at(3).number);
    if (ZSTD_decompress(page.data(), page.size(), pages->data(), packed) != page.size()) {
      throw std::runtime_error("zstd");
    }
    pages->remove_prefix(packed);
    const auto rows = static_cast<std::size_t>(header.at(5).at(1).number);
    std::string_view rest = page;
    std::vector<bool> there(rows, true);
    if (element(column).at(3).number == 1) {
      const std::size_t bytes = Little(rest.substr(0, 4));
      there = Levels(rest.substr(4, bytes), rows);
      rest.remove_prefix(4 + bytes);
    }
    std::size_t bit = 0;
    for (const bool one : there) {
      if (one) {
        values->push_back(Value(element(column), &rest, bit++));
      } else {
        values->push_back(std::nullopt);
      }
    }
    if (rest.size() != (element(column).at(1).number == 0 ? (bit + 7) / 8 : 0)) {
      throw std::runtime_error("a page has more values than rows");
    }
    return static_cast<std::int64_t>(reader.used() + page.size());
  }

  static std::vector<bool> Levels(std::string_view runs, std::size_t rows) {
    std::vector<bool> levels;
    std::size_t at = 0;
    while (at < runs.size()) {
      std::uint64_t head = 0;
      for (int shift = 0;; shift += 7) {
        const auto byte = static_cast<unsigned char>(runs.at(at++));
        head |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
        if (byte < 0x80) break;
      }
      if ((head & 1) == 0) {
        levels.insert(levels.end(), head >> 1, runs.at(at++) == 1);
        continue;
      }
      for (std::uint64_t group = 0; group < head >> 1; ++group) {
        const auto bits = static_cast<unsigned char>(runs.at(at++));
        for (int i = 0; i < 8; ++i) levels.push_back((bits >> i & 1) != 0);
      }
    }
    // Packed bits of the last byte may be of no row.
    if (levels.size() < rows || levels.size() > rows + 7) throw std::runtime_error("levels of other rows");
    levels.resize(rows);
    return levels;
  }

  static std::string Value(const ThriftValue& element, std::string_view* rest, std::size_t bit) {
    std::size_t bytes = 8;
    switch (element.at(1).number) {
      case 0:
        return std::string(1,
                           static_cast<char>(static_cast<unsigned char>(rest->at(bit / 8)) >> bit % 8 & 1));
      case 1:
      case 4:
        bytes = 4;
        break;
      case 6:
        bytes = Little(rest->substr(0, 4));
        rest->remove_prefix(4);
        break;
      case 7:
        bytes = static_cast<std::size_t>(element.at(2).number);
        break;
      default:
        break;
    }
    if (bytes > rest->size()) throw std::runtime_error("a value that does not end");
    std::string value(rest->substr(0, bytes));
    rest->remove_prefix(bytes);
    return value;
  }

  std::string_view file_;
  ThriftValue footer_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_BASE_PARQUET_PARQUET_READING_H_
