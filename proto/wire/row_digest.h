#ifndef MIRROR_PROTO_WIRE_ROW_DIGEST_H_
#define MIRROR_PROTO_WIRE_ROW_DIGEST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct XXH3_state_s;

namespace mirror {

/// Number of rows of a range, and the sum modulo 2^64 of their digests. The order of the rows does not
/// matter.
struct RangeDigest {
  std::uint64_t rows = 0;
  std::uint64_t sum = 0;

  void Add(std::uint64_t row) {
    ++rows;
    sum += row;
  }
  void Add(const RangeDigest& other) {
    rows += other.rows;
    sum += other.sum;
  }
  friend bool operator==(const RangeDigest&, const RangeDigest&) = default;
};

/// Computes the digest of one row, as DigestRangesResponse in mirror_client.proto defines it. Add its values
/// in the order of the table's columns, each as it is stored. Threads: one. Memory: at most kBufferMax, also
/// for a larger row.
class RowDigest {
 public:
  RowDigest();
  ~RowDigest();
  RowDigest(const RowDigest&) = delete;
  RowDigest& operator=(const RowDigest&) = delete;

  void AddNull() { buffer_.push_back(0); }
  void AddInteger(std::int64_t value) { AddNumber(1, static_cast<std::uint64_t>(value)); }
  void AddReal(double value);
  /// Adds UTF-8, or any bytes that SQLite accepts as text.
  void AddText(std::string_view text) { AddWhole(3, text); }
  void AddBytes(std::string_view bytes) { AddWhole(4, bytes); }
  /// Begins a value of `size` bytes that comes in pieces: call AddPiece() until all of it is added.
  void BeginText(std::uint64_t size) { AddNumber(3, size); }
  void BeginBytes(std::uint64_t size) { AddNumber(4, size); }
  void AddPiece(std::string_view piece);

  /// Returns the digest of the added values; the next row begins.
  std::uint64_t Finish();

 private:
  static constexpr std::size_t kBufferMax = 64 << 10;
  void AddNumber(char kind, std::uint64_t value);
  void AddWhole(char kind, std::string_view bytes) {
    AddNumber(kind, bytes.size());
    AddPiece(bytes);
  }
  void Flush();

  std::string buffer_;
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
  bool flushed_ = false;  ///< True: `state_` has a part of the row already.
};

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_ROW_DIGEST_H_
