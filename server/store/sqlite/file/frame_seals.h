#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_FRAME_SEALS_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_FRAME_SEALS_H_

#include <cstdint>

namespace mirror {

/// Whether all pages of a transaction have checksums in the log, by what SQLite writes there.
///
/// Where it writes a page once more over its former place, it leaves the headers behind it without salts and
/// checksums until the transaction ends, and then writes all from that place on. SQLite 3.40 forgets some of
/// them if a savepoint or a statement took that place back: whoever recovers the log loses the commit, and
/// all behind it (docs/decisions/0074). Threads: one at a time.
class FrameSeals {
 public:
  /// What stands in a log before each page.
  static constexpr int kHeaderBytes = 24;

  /// Each write of the transaction.
  void Wrote(const void* bytes, int size, std::int64_t to);
  /// The transaction is written. False: a page of it has no checksum.
  bool End();

 private:
  void Appended(std::int64_t at);
  void WrittenAgain();

  std::int64_t header_ = -1;  ///< Written last, and no page behind it yet; -1: none.
  bool is_sealed_ = false;    ///< That one has a checksum.
  std::int64_t open_ = -1;    ///< The first frame without a checksum; -1: none.
  std::int64_t sealed_ = -1;  ///< From here on all headers were written again; -1: none.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_FRAME_SEALS_H_
