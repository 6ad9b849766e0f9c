#ifndef MIRROR_TESTS_SERVER_TENANT_LOG_FRAMES_H_
#define MIRROR_TESTS_SERVER_TENANT_LOG_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

namespace mirror {

/// What was written to the write-ahead log of the SQLite database at `path` since it was emptied last: its
/// header and its frames. What follows them in the file is no part of it: zeros, or frames of before. Empty:
/// nothing was written.
inline std::string LogFrames(const std::string& path) {
  constexpr std::size_t kHeaderBytes = 32, kFrameHeaderBytes = 24, kSaltAt = 16, kFrameSaltAt = 8,
                        kSaltBytes = 8, kPageBytesAt = 8;
  std::ifstream file(path + "-wal", std::ios::binary);
  std::string log{std::istreambuf_iterator<char>(file), {}};
  if (log.size() < kHeaderBytes) return "";
  std::size_t page_bytes = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    page_bytes = page_bytes << 8 | static_cast<std::uint8_t>(log[kPageBytesAt + i]);
  }
  const std::string salt = log.substr(kSaltAt, kSaltBytes);
  const std::size_t frame_bytes = kFrameHeaderBytes + page_bytes;
  std::size_t end = kHeaderBytes;
  while (end + frame_bytes <= log.size() && log.compare(end + kFrameSaltAt, kSaltBytes, salt) == 0) {
    end += frame_bytes;
  }
  log.resize(end == kHeaderBytes ? 0 : end);
  return log;
}

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_TENANT_LOG_FRAMES_H_
