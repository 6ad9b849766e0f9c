#include "client/run/datajoin_run.h"

#include "base/clock.h"
#include "base/status_macros.h"
#include "client/exchange/datajoin/datajoin_objects.h"
#include "client/exchange/datajoin/sqlite_boxes.h"
#include "client/run/source_rules.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {
namespace {

std::unique_ptr<DatajoinRound> RoundOf(const SourceConfig& source) {
  if (!source.exchange.datajoin()) return nullptr;
  auto round = std::make_unique<DatajoinRound>();
  round->database = source.context_id;
  if (source.exchange.capture == ChangeCapture::kOutbox) round->from = OutboxFrom::kApplication;
  round->steps = RulesOfExchange(source).steps;
  return round;
}

}  // namespace

absl::StatusOr<std::string> InstallDatajoin(const SourceConfig& source) {
  if (!source.exchange.datajoin()) return std::string();
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, SqliteFile::Open(source.path, Use::kChange));
  const ExchangeRules rules = RulesOfExchange(source);
  SqliteBoxes boxes(*file, rules);
  absl::StatusOr<std::string> made = MakeDatajoinObjects(boxes, SqliteBoxes::Statements());
  if (!made.ok()) return made;
  // SQLite has no roles: a user who may write the file has all rights in it.
  RETURN_IF_ERROR(EnsureDatajoinRows(boxes.sql(), source.context_id));
  return made;
}

DatajoinRun::DatajoinRun(const SourceConfig& source) : round_(RoundOf(source)) {}

MakeInboxLayout DatajoinRun::layout() const {
  if (round_ == nullptr) return nullptr;
  return [this](BoxSource& source) { return std::make_unique<DatajoinLayout>(source, *round_); };
}

absl::Status DatajoinRun::CheckBoxes(BoxSource& source) const {
  absl::Status there = CheckDatajoinObjects(source.sql());
  return there.ok() ? EnsureDatajoinRows(source.sql(), round_->database) : there;
}

absl::Status DatajoinRun::Check(DeliveryTarget& target) const {
  if (round_ == nullptr) return absl::OkStatus();
  return target.WithBoxes([this](BoxSource& source) { return CheckBoxes(source); });
}

absl::Status DatajoinRun::Begin(DeliveryTarget& target) const {
  if (round_ == nullptr) return absl::OkStatus();
  bool can_show = false;
  absl::Status ready = target.WithBoxes([&](BoxSource& source) -> absl::Status {
    RETURN_IF_ERROR(CheckBoxes(source));
    can_show = true;
    return DatajoinLayout(source, *round_).ReadyOutbox(NowMs());
  });
  if (!ready.ok() && can_show) ShowFailed(target, ready);
  return ready;
}

void DatajoinRun::Pushed(DeliveryTarget& target, const CycleReport& report) const {
  if (round_ == nullptr) return;
  round_->failed.clear();
  for (const TableReport& table : report.tables) {
    if (table.result != TableResult::kOk) round_->failed.push_back(table.table);
  }
  // Fetched() shows the rest.
  if (report.outcome == Outcome::kDone && report.delivers) return;
  if (report.outcome == Outcome::kDone) {
    ShowWaiting(target);
  } else {
    ShowFailed(target, report.status.ok() ? absl::UnavailableError(report.reason) : report.status);
  }
}

void DatajoinRun::Fetched(DeliveryTarget& target, const absl::Status& status,
                          const std::string& waiting) const {
  if (round_ == nullptr || (status.ok() && waiting.empty())) return;
  if (status.ok()) {
    ShowWaiting(target);
  } else {
    ShowFailed(target, status);
  }
}

void DatajoinRun::ShowFailed(DeliveryTarget& target, const absl::Status& why) const {
  target
      .WithBoxes([&](BoxSource& source) { return DatajoinLayout(source, *round_).ShowFailed(why, NowMs()); })
      .IgnoreError();
}

void DatajoinRun::ShowWaiting(DeliveryTarget& target) const {
  target
      .WithBoxes(
          [this](BoxSource& source) { return DatajoinLayout(source, *round_).ShowPushed(true, NowMs()); })
      .IgnoreError();
}

}  // namespace mirror
