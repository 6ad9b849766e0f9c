#include "client/source/sqlite/log/exchange_marks.h"

#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<bool> ExchangeMarks::AreIn(const SqliteFile& file) {
  return file.Query("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = '_mirror_exchange'")
      .Step();
}

absl::StatusOr<CycleMarks::Cycles> ExchangeMarks::Read() {
  sqlite::Statement query = file_.Query("SELECT completing, completed FROM main._mirror_exchange");
  RETURN_IF_ERROR(query.StepToRow());
  return Cycles{query.Int(0), query.Int(1)};
}

absl::Status ExchangeMarks::NoteCompleting(std::int64_t cycle) {
  return file_.Change([this, cycle] {
    return file_.Query("UPDATE main._mirror_exchange SET completing = ?1").With(cycle).Run();
  });
}

absl::Status ExchangeMarks::NoteCompleted(std::int64_t cycle) {
  return file_.Change([this, cycle] {
    return file_.Query("UPDATE main._mirror_exchange SET completed = ?1").With(cycle).Run();
  });
}

absl::Status ExchangeMarks::NoteWithRecord() const {
  if (cycle_ == 0) return absl::OkStatus();
  return file_.Query("UPDATE main._mirror_exchange SET completing = ?1 WHERE completing <> ?1")
      .With(cycle_)
      .Run();
}

}  // namespace mirror
