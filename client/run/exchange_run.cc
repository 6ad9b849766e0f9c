#include "client/run/exchange_run.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "client/exchange/import_delivery.h"

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

absl::Status Transport(DeliveryTarget& target, MirrorClient& client, std::int64_t cycle,
                       ExchangeFigures* figures) {
  FetchedDeliveries fetched;
  for (int ask = 1;; ++ask) {
    ASSIGN_OR_RETURN(FetchAnswer answer, client.FetchDeliveries(cycle));
    figures->waiting = answer.waiting;
    if (answer.waiting.empty()) {
      fetched.deliveries = std::move(answer.deliveries);
      fetched.whole = answer.whole;
      break;
    }
    if (ask == kAsks) return absl::OkStatus();
  }
  figures->fetched = fetched.deliveries.size();
  return target.FillInbox(fetched, NowMs());
}

absl::Status ImportInbox(DeliveryTarget& target, MirrorClient* client, std::int64_t cycle,
                         ExchangeFigures* figures) {
  ASSIGN_OR_RETURN(const std::vector<v1::Delivery> deliveries, target.ReadInbox());
  if (deliveries.empty()) return absl::OkStatus();
  v1::ReportDeliveriesRequest reports;
  reports.set_cycle(cycle);
  for (const v1::Delivery& delivery : deliveries) {
    ASSIGN_OR_RETURN(const ImportResult result, target.Import(delivery));
    Count(delivery, result, figures);
    if (reports.reports_size() == kReportsMax) continue;
    v1::DeliveryReport* const report = reports.add_reports();
    report->set_delivery_id(delivery.delivery_id());
    report->set_outcome(result.outcome);
    report->set_reason(result.reason.substr(0, 1'000));
  }
  // For eyes alone: losing it changes nothing.
  if (client != nullptr) client->ReportDeliveries(reports).IgnoreError();
  return absl::OkStatus();
}

std::string WaitingUnfetched(MirrorClient& client, std::int64_t cycle, bool accepts) {
  const absl::StatusOr<std::uint64_t> waiting = client.CountDeliveries(cycle);
  if (!waiting.ok() || *waiting == 0) return "";
  return absl::StrCat(*waiting == 1 ? "1 delivery waits" : absl::StrCat(*waiting, " deliveries wait"),
                      " at the server, and none is fetched: ",
                      accepts ? "the source lacks the exchange's tables. Run 'mirror-agent install'"
                              : "'accept' of this [[source]] is empty. Say there what may be written into "
                                "this database, then run 'mirror-agent install'");
}

}  // namespace mirror
