#include "client/run/exchange_run.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/exchange_tables.h"
#include "client/exchange/import_delivery.h"
#include "client/exchange/inbox.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {
namespace {

/// The endpoint itself waits for its hub a while.
constexpr int kAsks = 3;
/// Of one call.
constexpr int kReportsMax = 10'000;

void Count(const v1::Delivery& delivery, const ImportResult& result, ExchangeFigures* figures) {
  switch (result.outcome) {
    case v1::DELIVERY_OUTCOME_APPLIED:
      ++figures->applied;
      break;
    case v1::DELIVERY_OUTCOME_ALREADY:
      ++figures->already;
      break;
    case v1::DELIVERY_OUTCOME_CONFLICT:
      ++figures->conflicts;
      break;
    case v1::DELIVERY_OUTCOME_LATER:
      ++figures->later;
      break;
    default:
      ++figures->refused;
      if (figures->refusals.size() == kRefusalsTold) break;
      figures->refusals.push_back(absl::StrCat("table '", delivery.table(), "': ", result.reason));
  }
}

}  // namespace

ExchangeRules RulesOfExchange(const SourceConfig& source) {
  ExchangeRules rules;
  rules.inserts = source.accept.inserts;
  rules.updates = source.accept.updates;
  rules.deletes = source.accept.deletes;
  rules.tables = source.accept.tables;
  rules.columns = source.accept.columns;
  for (const TableConfig& table : source.tables) {
    if (table.steps.any()) rules.steps.push_back(table.steps);
    if (!table.key.empty()) rules.keys[FoldName(table.name)] = table.key;
  }
  return rules;
}

bool HasExchange(const SourceConfig& source) {
  if (!source.accept.any()) return false;
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source.path, Use::kLooks);
  return file.ok() && CheckExchangeTables(**file).ok();
}

absl::Status EmptyInboxOf(const SourceConfig& source, InboxLayout* layout) {
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source.path, Use::kChange);
  return file.ok() ? EmptyInbox(**file, layout) : file.status();
}

absl::Status Transport(const SourceConfig& source, MirrorClient& client, std::int64_t cycle,
                       InboxLayout* layout, ExchangeFigures* figures) {
  FetchedDeliveries fetched;
  for (int ask = 1;; ++ask) {
    absl::StatusOr<FetchAnswer> answer = client.FetchDeliveries(cycle);
    if (!answer.ok()) return answer.status();
    figures->waiting = answer->waiting;
    if (answer->waiting.empty()) {
      fetched.deliveries = std::move(answer->deliveries);
      fetched.whole = answer->whole;
      break;
    }
    if (ask == kAsks) return absl::OkStatus();
  }
  figures->fetched = fetched.deliveries.size();
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source.path, Use::kChange);
  return file.ok() ? FillInbox(**file, fetched, NowMs(), layout) : file.status();
}

absl::Status ImportInbox(const SourceConfig& source, MirrorClient* client, std::int64_t cycle,
                         InboxLayout* layout, ExchangeFigures* figures) {
  std::vector<v1::Delivery> deliveries;
  {
    const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source.path, Use::kChange);
    if (!file.ok()) return file.status();
    absl::StatusOr<std::vector<v1::Delivery>> read = ReadInbox(**file);
    if (!read.ok()) return read.status();
    deliveries = *std::move(read);
  }
  if (deliveries.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Importer>> importer =
      Importer::Open(source.path, RulesOfExchange(source), &NowMs);
  if (!importer.ok()) return importer.status();
  (*importer)->set_layout(layout);
  v1::ReportDeliveriesRequest reports;
  reports.set_cycle(cycle);
  for (const v1::Delivery& delivery : deliveries) {
    const absl::StatusOr<ImportResult> result = (*importer)->Import(delivery);
    if (!result.ok()) return result.status();
    Count(delivery, *result, figures);
    if (reports.reports_size() == kReportsMax) continue;
    v1::DeliveryReport* const report = reports.add_reports();
    report->set_delivery_id(delivery.delivery_id());
    report->set_outcome(result->outcome);
    report->set_reason(result->reason.substr(0, 1'000));
  }
  // For eyes alone: losing it changes nothing.
  if (client != nullptr) client->ReportDeliveries(reports).IgnoreError();
  return absl::OkStatus();
}

}  // namespace mirror
