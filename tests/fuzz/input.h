#ifndef MIRROR_TESTS_FUZZ_INPUT_H_
#define MIRROR_TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace mirror {

/// What a fuzz target says of its input: a program that does not hold it says where and aborts, which a
/// fuzzer notices.
inline void Require(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: this does not hold\n", file, line);
  std::abort();
}

/// The bytes of a fuzzer, taken one after the other; behind the end everything is 0 and empty. Every input
/// means something, so that a change of one byte changes one thing.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool AtEnd() const { return rest_.empty(); }
  std::uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  bool Flag() { return (Byte() & 1) != 0; }
  /// 0 to `count` - 1.
  std::uint32_t Choose(std::uint32_t count) { return Byte() % count; }
  /// Eight bytes, lowest first.
  std::uint64_t Number() {
    std::uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 8) number |= std::uint64_t{Byte()} << shift;
    return number;
  }
  /// A byte with its length, then the text.
  std::string Text() {
    const std::size_t length = Byte();
    const std::string text(rest_.substr(0, length));
    rest_.remove_prefix(std::min(length, rest_.size()));
    return text;
  }

 private:
  std::string_view rest_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_FUZZ_INPUT_H_
