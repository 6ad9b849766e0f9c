#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_EXCHANGE_MARKS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_EXCHANGE_MARKS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/cycle_marks.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// The cycles in the row of `_mirror_exchange`, which `mirror-agent install` makes where the source accepts
/// something. Errors: those of SqliteFile. Threads: one.
class ExchangeMarks : public CycleMarks {
 public:
  /// `file`: opened with Use::kChange; outlives it.
  explicit ExchangeMarks(const SqliteFile& file) : file_(file) {}

  /// Whether the source has such a row.
  static absl::StatusOr<bool> AreIn(const SqliteFile& file);

  absl::StatusOr<Cycles> Read() override;
  void Begin(std::int64_t cycle) override { cycle_ = cycle; }
  absl::Status NoteCompleting(std::int64_t cycle) override;
  absl::Status NoteCompleted(std::int64_t cycle) override;

  /// In the transaction of a record of what is sent.
  absl::Status NoteWithRecord() const;

 private:
  const SqliteFile& file_;
  std::int64_t cycle_ = 0;  ///< 0: none began.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_EXCHANGE_MARKS_H_
