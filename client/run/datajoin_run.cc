#include "client/run/datajoin_run.h"

#include <utility>
#include <vector>

#include "base/clock.h"
#include "client/exchange/datajoin/datajoin_objects.h"
#include "client/run/source_rules.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {
namespace {

std::unique_ptr<DatajoinLayout> LayoutOf(const SourceConfig& source) {
  if (!source.exchange.datajoin()) return nullptr;
  const OutboxFrom from =
      source.exchange.capture == ChangeCapture::kOutbox ? OutboxFrom::kApplication : OutboxFrom::kChangeLog;
  return std::make_unique<DatajoinLayout>(source.context_id, RulesOfExchange(source), from);
}

}  // namespace

absl::StatusOr<std::string> InstallDatajoin(const SourceConfig& source) {
  if (!source.exchange.datajoin()) return std::string();
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source.path, Use::kChange);
  return file.ok() ? MakeDatajoinObjects(**file, source.context_id) : file.status();
}

DatajoinRun::DatajoinRun(const SourceConfig& source) : source_(source), layout_(LayoutOf(source)) {}

absl::Status DatajoinRun::Check() const {
  if (layout_ == nullptr) return absl::OkStatus();
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source_.path, Use::kLooks);
  return file.ok() ? CheckDatajoinObjects(**file) : file.status();
}

absl::Status DatajoinRun::Begin() const {
  if (layout_ == nullptr) return absl::OkStatus();
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source_.path, Use::kChange);
  if (!file.ok()) return file.status();
  const absl::Status there = CheckDatajoinObjects(**file);
  return there.ok() ? layout_->ReadyOutbox(**file, NowMs()) : there;
}

void DatajoinRun::Pushed(const CycleReport& report) const {
  if (layout_ == nullptr) return;
  std::vector<std::string> failed;
  for (const TableReport& table : report.tables) {
    if (table.result != TableResult::kOk) failed.push_back(table.table);
  }
  layout_->SetPushed(std::move(failed));
  // The rest is shown with what was fetched.
  if (report.outcome == Outcome::kDone && report.delivers) return;
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source_.path, Use::kChange);
  if (!file.ok()) return;
  if (report.outcome == Outcome::kDone) {
    layout_->ShowPushed(**file, true, NowMs()).IgnoreError();
  } else {
    const absl::Status why = report.status.ok() ? absl::UnavailableError(report.reason) : report.status;
    layout_->ShowFailed(**file, why, NowMs()).IgnoreError();
  }
}

void DatajoinRun::Fetched(const absl::Status& status, const std::string& waiting) const {
  if (layout_ == nullptr || (status.ok() && waiting.empty())) return;
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source_.path, Use::kChange);
  if (!file.ok()) return;
  if (status.ok()) {
    layout_->ShowPushed(**file, true, NowMs()).IgnoreError();
  } else {
    layout_->ShowFailed(**file, status, NowMs()).IgnoreError();
  }
}

}  // namespace mirror
