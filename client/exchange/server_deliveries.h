#ifndef MIRROR_CLIENT_EXCHANGE_SERVER_DELIVERIES_H_
#define MIRROR_CLIENT_EXCHANGE_SERVER_DELIVERIES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/import_delivery.h"
#include "client/exchange/server_swap.h"

namespace mirror {

/// A database at a server that takes deliveries, each in one transaction. Deliveries that
/// block each other, as when two rows swap a UNIQUE value, share one. A transaction that
/// another one blocks is retried, at most kImportAttempts times. If the answer to a commit
/// is lost, the ledger says whether it was done. Errors: those of its DeliveryDatabase.
class ServerDeliveries : public DeliveryTarget {
 public:
  static constexpr int kImportAttempts = 5;

  ServerDeliveries(std::unique_ptr<DeliveryDatabase> database, ExchangeRules rules, Importer::Clock clock)
      : database_(std::move(database)), rules_(std::move(rules)), clock_(std::move(clock)) {}
  ~ServerDeliveries() override;

  absl::Status EmptyInbox() override;
  absl::Status FillInbox(const FetchedDeliveries& fetched, std::int64_t now_ms) override;
  absl::StatusOr<std::vector<v1::Delivery>> ReadInbox() override;
  absl::StatusOr<ImportResult> Import(const v1::Delivery& delivery) override;
  void EndImport() override;
  absl::Status WithBoxes(const std::function<absl::Status(BoxSource&)>& work) override;

 private:
  absl::Status Look();
  /// See ledger_rows.h.
  absl::Status ForgetValuesOfGone(std::int64_t now_ms);
  absl::StatusOr<ImportResult> Try(const v1::Delivery& delivery);
  static ImportResult Resolve(const ImportResult& again, const ImportResult& first);
  absl::Status PrepareMatches(const v1::Delivery& delivery);

  // Called in the transaction.
  absl::StatusOr<ImportResult> Begun(const v1::Delivery& delivery);
  absl::StatusOr<ImportResult> Do(const v1::Delivery& delivery);
  /// Applies a delivery whose values other rows have, together with the deliveries
  /// that change these rows. False: it stays refused, and nothing of it is done.
  absl::StatusOr<bool> Swap(const v1::Delivery& delivery);
  absl::StatusOr<bool> SwapBegun(const v1::Delivery& delivery);
  absl::Status Leave(const v1::Delivery& delivery, const ImportResult& result);
  absl::Status LockTables(const v1::Delivery& delivery, const ServerMember* member);
  absl::StatusOr<ImportResult> DoTask(const DeliveryTask& task, const ServerMember& member);
  /// Absent: no row conflicts with the insert.
  absl::StatusOr<std::optional<ImportResult>> FindInTheWay(const DeliveryTask& task,
                                                           const ServerMember& member);
  absl::StatusOr<ImportResult> Conflict(const ServerMember& member, const RowOf& key, std::string reason);
  absl::Status NoteRefused(const v1::Delivery& delivery, const std::string& reason);

  const std::unique_ptr<DeliveryDatabase> database_;
  const ExchangeRules rules_;
  const Importer::Clock clock_;
  bool has_looked_ = false;
  std::optional<RowsInInbox> in_inbox_;     ///< Absent: the inbox was not searched yet.
  int swaps_ = 0;                           ///< Number of such searches since the last EndImport().
  std::optional<ImportResult> committing_;  ///< Result of a transaction whose COMMIT was sent.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_SERVER_DELIVERIES_H_
