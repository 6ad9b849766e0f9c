#ifndef MIRROR_TESTS_SUPPORT_WRITER_AND_READER_H_
#define MIRROR_TESTS_SUPPORT_WRITER_AND_READER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>

namespace mirror {

/// A writer and a reader, each on a thread of its own, beside what a test does. Behind each transaction the
/// writer waits for the reader's next look: a program without any pause would leave a lock to nobody.
class WriterAndReader {
 public:
  WriterAndReader() = default;
  ~WriterAndReader() { End(); }
  WriterAndReader(const WriterAndReader&) = delete;
  WriterAndReader& operator=(const WriterAndReader&) = delete;

  /// Both go on until over().
  void Begin(std::function<void()> write, std::function<void()> read) {
    writer_ = std::thread(std::move(write));
    reader_ = std::thread(std::move(read));
  }
  void End() {
    over_ = true;
    NoteLook();
    if (writer_.joinable()) writer_.join();
    if (reader_.joinable()) reader_.join();
  }

  bool over() const { return over_; }
  void NoteLook() {
    ++looks_;
    looks_.notify_all();
  }
  void WaitForALook() {
    const std::uint64_t seen = looks_;
    if (!over_) looks_.wait(seen);
  }
  std::uint64_t looks() const { return looks_; }

 private:
  std::atomic<bool> over_ = false;
  std::atomic<std::uint64_t> looks_ = 0;
  std::thread writer_, reader_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_WRITER_AND_READER_H_
