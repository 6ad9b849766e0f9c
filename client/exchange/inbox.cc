#include "client/exchange/inbox.h"

#include <functional>
#include <set>
#include <utility>

#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/exchange/delivery_task.h"

namespace mirror {
namespace {

absl::Status ForgetRefused(const SqliteFile& file) {
  // A ledger row of a further changed row, "<delivery_id>/1", was never refused.
  return file
      .Query(
          "DELETE FROM main._mirror_ledger WHERE state = 'REFUSED' AND delivery_id NOT IN (SELECT "
          "delivery_id FROM main._mirror_inbox)")
      .Run();
}

absl::Status ForgetApplied(const SqliteFile& file, std::int64_t now_ms) {
  return file.Query("DELETE FROM main._mirror_ledger WHERE state = 'APPLIED' AND at < ?1")
      .With(now_ms - kLedgerKeptMs)
      .Run();
}

/// Calls `take` for each entry, in the order of the fetch.
absl::Status ReadEach(const SqliteFile& file, const std::function<void(v1::Delivery)>& take) {
  sqlite::Statement query = file.Query("SELECT body FROM main._mirror_inbox ORDER BY position");
  return ForEachRow(query, [&] {
    v1::Delivery delivery;
    if (delivery.ParseFromString(query.Text(0))) take(std::move(delivery));
  });
}

/// Removes values written into rows that deliveries deleted since. The ledger still says they were written.
absl::Status ForgetValuesOfGone(const SqliteFile& file) {
  return file.Run(
      "WITH gone AS (SELECT table_name AS t, key AS k, max(number) AS n FROM main._mirror_ledger WHERE "
      "operation = 'DELETE' AND state = 'APPLIED' GROUP BY table_name, key) UPDATE main._mirror_ledger SET "
      "wrote = NULL FROM gone WHERE table_name = t AND key = k AND number < n AND wrote IS NOT NULL");
}

}  // namespace

absl::Status EmptyInbox(const SqliteFile& file) {
  const absl::StatusOr<std::int64_t> entries = file.Number("SELECT count(*) FROM main._mirror_inbox");
  // An idle source is not written to.
  if (!entries.ok() || *entries == 0) return entries.status();
  return file.Change([&file] { return file.Query("DELETE FROM main._mirror_inbox").Run(); });
}

absl::Status FillInbox(const SqliteFile& file, const FetchedDeliveries& fetched, std::int64_t now_ms,
                       InboxLayout* layout) {
  const absl::Status filled = file.Change([&]() -> absl::Status {
    RETURN_IF_ERROR(file.Query("DELETE FROM main._mirror_inbox").Run());
    std::int64_t position = 0;
    for (const v1::Delivery& delivery : fetched.deliveries) {
      sqlite::Statement insert = file.Query(
          "INSERT OR IGNORE INTO main._mirror_inbox (delivery_id, position, body) VALUES (?1, ?2, ?3)");
      const std::string body = delivery.SerializeAsString();
      insert.Bind(1, delivery.delivery_id()).Bind(2, ++position).BindBlob(3, body);
      RETURN_IF_ERROR(insert.Run());
    }
    if (fetched.whole) RETURN_IF_ERROR(ForgetRefused(file));
    RETURN_IF_ERROR(ForgetApplied(file, now_ms));
    RETURN_IF_ERROR(ForgetValuesOfGone(file));
    return layout == nullptr ? absl::OkStatus() : layout->Filled(fetched, now_ms);
  });
  if (filled.ok()) CrashPoint("agent.transported");
  return filled;
}

absl::StatusOr<std::vector<v1::Delivery>> ReadInbox(const SqliteFile& file) {
  std::vector<v1::Delivery> deliveries;
  RETURN_IF_ERROR(ReadEach(file, [&](v1::Delivery delivery) { deliveries.push_back(std::move(delivery)); }));
  return deliveries;
}

void RowsInInbox::Add(const v1::Delivery& delivery) {
  if (delivery.operation() == v1::OPERATION_INSERT) return;
  RowOf key;
  for (const v1::Literal& part : delivery.key()) key.push_back(ToValue(part));
  ids_[{FoldName(delivery.table()), KeyText(key)}].push_back(delivery.delivery_id());
}

std::vector<std::string> RowsInInbox::Find(const std::string& table, const std::string& key) const {
  const auto found = ids_.find({FoldName(table), key});
  return found == ids_.end() ? std::vector<std::string>() : found->second;
}

absl::StatusOr<InboxRows> InboxRows::Read(const SqliteFile& file) {
  InboxRows rows(file);
  RETURN_IF_ERROR(ReadEach(file, [&](const v1::Delivery& delivery) { rows.rows_.Add(delivery); }));
  return rows;
}

absl::StatusOr<std::vector<v1::Delivery>> InboxRows::Find(const std::string& table,
                                                          const std::vector<RowOf>& keys) const {
  std::vector<v1::Delivery> found;
  std::set<std::string> asked;
  for (const RowOf& key : keys) {
    const std::string name = KeyText(key);
    if (!asked.insert(name).second) continue;
    for (const std::string& id : rows_.Find(table, name)) {
      sqlite::Statement query = file_.Query("SELECT body FROM main._mirror_inbox WHERE delivery_id = ?1");
      ASSIGN_OR_RETURN(const bool row, query.With(id).Step());
      v1::Delivery delivery;
      if (!row || !delivery.ParseFromString(query.Text(0))) continue;
      found.push_back(std::move(delivery));
      break;
    }
  }
  return found;
}

absl::Status RemoveFromInbox(const SqliteFile& file, const std::string& delivery_id) {
  return file.Query("DELETE FROM main._mirror_inbox WHERE delivery_id = ?1").With(delivery_id).Run();
}

}  // namespace mirror
