#ifndef MIRROR_CLIENT_SOURCE_MARIADB_LOG_BINLOG_BYTES_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_LOG_BINLOG_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mirror::binlog {

/// An unsigned number of up to 8 bytes, the least significant one first.
inline std::uint64_t LittleEndian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  return number;
}
/// The most significant one first.
inline std::uint64_t BigEndian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

/// Takes bytes from the front. Once it was asked for more than there are, ok() is false, and all that it
/// gives from then on is 0 or empty. Views are into what it was made of.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}

  std::string_view Take(std::size_t count) {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  /// Of up to 8 bytes, the least significant one first.
  std::uint64_t Number(std::size_t size) { return LittleEndian(Take(size)); }
  std::uint8_t Byte() { return static_cast<std::uint8_t>(Number(1)); }
  /// A number whose first byte says how long it is.
  std::uint64_t Coded() {
    const std::uint8_t first = Byte();
    if (first < 251) return first;
    if (first == 252) return Number(2);
    if (first == 253) return Number(3);
    if (first == 254) return Number(8);
    ok_ = false;
    rest_ = {};
    return 0;
  }
  /// As many bytes as the number before them says.
  std::string_view CodedText() { return Take(static_cast<std::size_t>(Coded())); }

  std::string_view rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace mirror::binlog

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_LOG_BINLOG_BYTES_H_
